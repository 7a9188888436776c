import { spawn } from "node:child_process";
import { attemptIn, attemptInAsync, enter, type Namespace, type Outcome } from "./namespace.ts";
import { systemPath } from "./paths.ts";

/**
 * Whether an echo request is answered within `timeoutSeconds`, or one of `count` that are sent until one is.
 * `ping -c 1 ADDRESS`
 */
export function ping(from: Namespace, address: string, options: PingOptions = {}): boolean {
	const { count = 1 } = options;
	const { timeoutSeconds = count === 1 ? 2 : 1 } = options;
	const once = ["ping", "-n", "-q", "-c", "1", "-W", String(timeoutSeconds), address];
	for (let sent = 1; sent <= count; sent++) {
		if (attemptIn(from, once).exitCode === 0) return true;
		if (sent < count) attemptIn(from, ["sleep", "0.2"]);
	}
	return false;
}

export interface PingOptions {
	readonly count?: number;
	/** By default two, or one for each of several. */
	readonly timeoutSeconds?: number;
}

/** Which of the addresses answer an echo request within a second, all asked at once. */
export function pingAll(from: Namespace, addresses: readonly string[]): readonly boolean[] {
	return answering(addresses, attemptIn(from, pingEach(addresses)));
}

/** {@link pingAll}, without keeping others from asking at the same time. */
export async function pingAllAsync(from: Namespace, addresses: readonly string[]): Promise<readonly boolean[]> {
	return answering(addresses, await attemptInAsync(from, pingEach(addresses)));
}

function pingEach(addresses: readonly string[]): readonly string[] {
	// More than one, as a busy machine may lose the first: it finishes IPv6 addresses and interfaces a moment later.
	const script = 'for a; do ping -n -q -c 1 -i 0.2 -w 1 "$a" >/dev/null && echo "$a" & done; wait';
	return ["sh", "-c", script, "sh", ...addresses];
}

function answering(addresses: readonly string[], { stdout }: Outcome): readonly boolean[] {
	const answered = stdout.split("\n");
	return addresses.map((address) => answered.includes(address));
}

export interface ServeOptions {
	/** `dns` answers every question for an IPv4 address with that in `body`, and all others with none. */
	readonly protocol?: "http" | "udp" | "dns";
	/** By default every address of the namespace. */
	readonly address?: string;
	readonly port: number;
	/** What is answered; by default the address that the request came from, which shows masquerading. */
	readonly body?: string;
}

export interface Server extends AsyncDisposable {
	stop(): Promise<void>;
}

/** Starts a server in the namespace and waits until it listens. */
export async function serve(namespace: Namespace, options: ServeOptions): Promise<Server> {
	const [program = "", ...args] = enter(namespace, [process.execPath, "-e", serverSource, JSON.stringify(options)]);
	const child = spawn(program, args, { env: { PATH: systemPath }, stdio: ["ignore", "pipe", "pipe"] });
	const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
	await new Promise<void>((resolve, reject) => {
		let complaint = "";
		child.stdout.once("data", () => resolve());
		child.stderr.on("data", (chunk) => {
			complaint += chunk;
		});
		ended.then(() => reject(new Error(`Cannot serve ${JSON.stringify(options)}: ${complaint}`)));
	});
	const stop = () => {
		child.kill("SIGKILL");
		return ended;
	};
	return { stop, [Symbol.asyncDispose]: stop };
}

/** The body that `url` answers, or undefined when there is no answer in time. `curl URL` */
export function httpGet(from: Namespace, url: string, { timeoutSeconds = 2 } = {}): string | undefined {
	const time = String(timeoutSeconds);
	const { exitCode, stdout } = attemptIn(from, ["curl", "-s", "-g", "--noproxy", "*", "--max-time", time, url]);
	return exitCode === 0 ? stdout : undefined;
}

/** Sends one datagram and returns the answer, or undefined when there is none in time. */
export function udpAsk(
	from: Namespace,
	{
		address,
		port,
		message = "?",
		timeoutMs = 1000,
		sourcePort = 0,
	}: { address: string; port: number; message?: string; timeoutMs?: number; sourcePort?: number },
): string | undefined {
	const options = JSON.stringify({ address, port, message, timeoutMs, sourcePort });
	const { exitCode, stdout } = attemptIn(from, [process.execPath, "-e", udpClientSource, options]);
	return exitCode === 0 ? stdout : undefined;
}

const serverSource = `
const { protocol = "http", address, port, body } = JSON.parse(process.argv[1]);
const ready = () => console.log("listening");
const plain = (remote) => body ?? remote.replace(/^::ffff:/, "");
if (protocol === "http") {
	require("node:http")
		.createServer((request, response) => response.end(plain(request.socket.remoteAddress)))
		.listen(port, address, ready);
} else {
	const type = address === undefined || address.includes(":") ? "udp6" : "udp4";
	const socket = require("node:dgram").createSocket({ type });
	const resolve = (query) => {
		const question = query.subarray(12, query.indexOf(0, 12) + 5);
		const address = question.readUInt16BE(question.length - 4) === 1 ? [[192, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4], body.split(".")] : [];
		const header = [...query.subarray(0, 2), 0x81, 0x80, 0, 1, 0, address.length / 2, 0, 0, 0, 0];
		return Buffer.concat([Buffer.from(header), question, Buffer.from(address.flat())]);
	};
	const answer = (query, { address }) => (protocol === "dns" ? resolve(query) : plain(address));
	socket.on("message", (query, from) => socket.send(answer(query, from), from.port, from.address));
	socket.bind(port, address, ready);
}
`;

const udpClientSource = `
const { address, port, message, timeoutMs, sourcePort } = JSON.parse(process.argv[1]);
const socket = require("node:dgram").createSocket(address.includes(":") ? "udp6" : "udp4");
socket.on("error", () => process.exit(1));
socket.on("message", (answer) => { process.stdout.write(answer); process.exit(0); });
socket.bind(sourcePort, () => socket.send(message, port, address));
setTimeout(() => process.exit(1), timeoutMs);
`;
