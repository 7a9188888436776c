import { enter, type Namespace } from "../support/namespace.ts";

export interface Traffic {
	readonly bytesPerSecond: number;
	readonly connectionsPerSecond: number;
}

/** In the container, port 80 sends as long as somebody listens, and port 81 closes connections at once. */
export async function serveTraffic(container: Namespace): Promise<AsyncDisposable> {
	const child = Bun.spawn(enter(container, [process.execPath, "-e", serverSource]), { stdout: "pipe" });
	await child.stdout.getReader().read();
	return {
		async [Symbol.asyncDispose]() {
			child.kill("SIGKILL");
			await child.exited;
		},
	};
}

export interface TrafficOptions {
	readonly address: string;
	/** The port to receive from. */
	readonly bulk: number;
	/** The port to connect to, one connection after the other. */
	readonly brief: number;
	/** Of each. */
	readonly seconds: number;
}

/** Measures from another host. */
export async function measureTraffic(from: Namespace, options: TrafficOptions): Promise<Traffic> {
	const command = enter(from, [process.execPath, "-e", clientSource, JSON.stringify(options)]);
	const child = Bun.spawn(command, { stdout: "pipe", stderr: "pipe" });
	const text = await new Response(child.stdout).text();
	if ((await child.exited) !== 0) throw new Error(`Cannot measure traffic: ${await new Response(child.stderr).text()}`);
	return JSON.parse(text) as Traffic;
}

const serverSource = `
const net = require("node:net");
const chunk = Buffer.alloc(1 << 20);
net.createServer((socket) => {
	const feed = () => { while (socket.write(chunk)); };
	socket.on("drain", feed).on("error", () => {});
	feed();
}).listen(80, () => {
	net.createServer((socket) => { socket.on("error", () => {}); socket.end(); }).listen(81, () => console.log("listening"));
});
`;

const clientSource = `
const net = require("node:net");
const { address, bulk, brief, seconds } = JSON.parse(process.argv.at(-1));
const now = () => performance.now() / 1000;
const bytesPerSecond = await new Promise((resolve, reject) => {
	let bytes = 0, start = 0;
	const socket = net.connect(bulk, address);
	socket.on("error", reject).on("data", (chunk) => {
		// The first half second is the connection's slow start.
		if (start === 0) { if (socket.bytesRead > 0 && now() - opened > 0.3) start = now(); return; }
		bytes += chunk.length;
		const time = now() - start;
		if (time >= seconds) { socket.destroy(); resolve(bytes / time); }
	});
	const opened = now();
});
const start = now();
let connections = 0;
while (now() - start < seconds) {
	await new Promise((resolve, reject) => {
		net.connect(brief, address).on("error", reject).on("close", resolve).resume();
	});
	connections++;
}
console.log(JSON.stringify({ bytesPerSecond, connectionsPerSecond: connections / (now() - start) }));
process.exit(0);
`;
