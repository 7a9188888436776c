import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { enter } from "../support/namespace.ts";
import { root, systemPath } from "../support/paths.ts";
import type { World } from "../support/world.ts";
import type { Agent } from "./agent.ts";

/** A running test/fixtures/isolator-driver.ts: an agent's isolator, called step by step. */
export interface IsolatorDriver {
	/** @throws Error with the isolator's message */
	call<T = unknown>(call: string, more?: object): Promise<T>;
	/** Ends the agent, and leaves containers as they are. */
	stop(): Promise<void>;
}

/** @throws Error with the isolator's message when it cannot be started with these flags */
export async function startIsolator(world: World, flags: object): Promise<IsolatorDriver> {
	const bun = join(root, "node_modules/.bin/bun");
	const line = [bun, join(root, "test/fixtures/isolator-driver.ts"), JSON.stringify(flags)];
	const [program = "", ...args] = enter(world.host, line);
	const child = spawn(program, args, { env: { PATH: systemPath }, stdio: ["pipe", "pipe", "ignore"] });
	const replies = readLines(child);
	const next = async () => {
		const text = await replies();
		const { ok, value, msg } = JSON.parse(text) as { ok: boolean; value?: unknown; msg?: string };
		if (!ok) throw new Error(msg);
		return value;
	};
	await next();
	return {
		async call<T>(call: string, more: object = {}) {
			child.stdin?.write(`${JSON.stringify({ call, ...more })}\n`);
			return (await next()) as T;
		},
		async stop() {
			child.stdin?.end();
			await once(child, "close");
		},
	};
}

/** The flags of an agent of the world. */
export function flagsOf({ runtimeDirectory, configDirectory, pluginPath }: Agent): Record<string, unknown> {
	return { runtimeDirectory, configDirectory, pluginPath };
}

/** What stands for the first process of a container, in namespaces of its own. */
export interface ContainerProcess extends AsyncDisposable {
	readonly pid: number;
	kill(): Promise<void>;
}

export async function startContainerProcess(world: World): Promise<ContainerProcess> {
	const line = ["/usr/bin/unshare", "--net", "--uts", "--mount", "sh", "-c", "echo; exec sleep 1000"];
	const [program = "", ...args] = enter(world.host, line);
	const child = spawn(program, args, { env: { PATH: systemPath }, stdio: ["ignore", "pipe", "inherit"] });
	const closed = once(child, "close");
	await once(child.stdout, "data");
	const kill = async () => {
		child.kill("SIGKILL");
		await closed;
	};
	return { pid: child.pid ?? 0, kill, [Symbol.asyncDispose]: kill };
}

function readLines(child: ChildProcess): () => Promise<string> {
	let text = "";
	let over = false;
	child.stdout?.setEncoding("utf8").on("data", (chunk) => {
		text += chunk;
	});
	child.on("close", () => {
		over = true;
	});
	return async () => {
		while (!text.includes("\n")) {
			if (over) throw new Error("The isolator has ended");
			await sleep(2);
		}
		const line = text.slice(0, text.indexOf("\n"));
		text = text.slice(line.length + 1);
		return line;
	};
}
