import { attemptInAsync, type Namespace } from "./namespace.ts";

export interface Flow {
	readonly from: Namespace;
	readonly to: Namespace;
	/** Of `to`. */
	readonly address: string;
	readonly port?: number;
	readonly milliseconds?: number;
}

/**
 * What a TCP sender that never pauses brings through, in bits per second at the receiver, from its first byte on; 0
 * when nothing arrives.
 */
export async function saturate({ from, to, address, port = 5201, milliseconds = 2000 }: Flow): Promise<number> {
	const options = JSON.stringify({ address, port, milliseconds });
	const run = (namespace: Namespace, source: string) =>
		attemptInAsync(namespace, [process.execPath, "-e", source, options], { timeoutMs: 30_000 });
	const [received, sent] = await Promise.all([run(to, receiver), run(from, sender)]);
	if (received.exitCode !== 0)
		throw new Error(`Cannot measure from ${from.name} to ${address}: ${received.stderr}${sent.stderr}`);
	return Number(received.stdout);
}

const receiver = `
const { address, port, milliseconds } = JSON.parse(process.argv[1]);
let bytes = 0;
let start;
const finish = () => {
	const seconds = start === undefined ? 1 : (performance.now() - start) / 1000;
	process.stdout.write(String(Math.round((bytes * 8) / seconds)), () => process.exit(0));
};
const server = require("node:net").createServer((socket) => {
	socket.on("error", () => {});
	socket.on("data", (chunk) => {
		if (start === undefined) {
			start = performance.now();
			setTimeout(finish, milliseconds);
		}
		bytes += chunk.length;
	});
});
server.listen(port, address);
setTimeout(finish, milliseconds + 8000);
`;

const sender = `
const { address, port, milliseconds } = JSON.parse(process.argv[1]);
const chunk = Buffer.alloc(256 * 1024);
const connect = () => {
	const socket = require("node:net").connect(port, address);
	const push = () => { while (socket.write(chunk)); };
	socket.on("connect", push).on("drain", push);
	// The receiver may not listen yet, and ends first.
	socket.on("error", ({ code }) => (code === "ECONNREFUSED" ? setTimeout(connect, 20) : process.exit(0)));
	socket.on("close", (failed) => failed || process.exit(0));
};
connect();
setTimeout(() => process.exit(0), milliseconds + 8000);
`;
