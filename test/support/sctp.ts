import { spawn } from "node:child_process";
import { join } from "node:path";
import { attemptIn, enter, type Namespace } from "./namespace.ts";
import { root, systemPath } from "./paths.ts";
import type { Server } from "./traffic.ts";

const script = join(root, "test/fixtures/sctp.py");

/** Answers the beginning of SCTP associations at a port; test/fixtures/sctp.py. */
export async function serveSctp(namespace: Namespace, port: number): Promise<Server> {
	const [program = "", ...args] = enter(namespace, ["/usr/bin/python3", script, "serve", String(port)]);
	const child = spawn(program, args, { env: { PATH: systemPath }, stdio: ["ignore", "pipe", "inherit"] });
	const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
	await new Promise<void>((resolve, reject) => {
		child.stdout.once("data", () => resolve());
		ended.then(() => reject(new Error(`Cannot serve SCTP port ${port}`)));
	});
	const stop = () => {
		child.kill("SIGKILL");
		return ended;
	};
	return { stop, [Symbol.asyncDispose]: stop };
}

/** Begins an association: the address that answers, or undefined when there is no answer in time. */
export function sctpAsk(
	from: Namespace,
	{ address, port, sourcePort }: { address: string; port: number; sourcePort?: number },
): string | undefined {
	const source = sourcePort === undefined ? [] : [String(sourcePort)];
	const { exitCode, stdout } = attemptIn(from, ["/usr/bin/python3", script, "ask", address, String(port), ...source]);
	return exitCode === 0 ? stdout : undefined;
}
