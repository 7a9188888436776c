import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { join } from "node:path";
import type { StandInCommand, StandInState } from "../fixtures/stand-in-master.ts";
import { enter } from "./namespace.ts";
import { root, systemPath } from "./paths.ts";
import type { World } from "./world.ts";

/** A master that speaks the recorded protocol (test/fixtures/stand-in-master.ts), in a world's host. */
export interface StandInMaster {
	readonly url: string;
	/** What it was called, in order. */
	readonly calls: readonly string[];
	set(state: Partial<StandInState>): Promise<void>;
	say(...events: readonly unknown[]): Promise<void>;
	bytes(bytes: string): Promise<void>;
	hangUp(): Promise<void>;
	/** Ends its process. */
	kill(): Promise<void>;
}

export interface StandInOptions {
	readonly port?: number;
	/** PEM files: it speaks TLS. */
	readonly key?: string;
	readonly cert?: string;
	readonly state?: Partial<StandInState>;
}

export async function startStandInMaster(
	world: World,
	{ port = 5050, state = {}, ...files }: StandInOptions = {},
): Promise<StandInMaster> {
	const program = join(root, "test/fixtures/stand-in-master.ts");
	const settings = JSON.stringify({ port, ...files });
	const [command = "", ...args] = enter(world.host, [process.execPath, program, settings]);
	const child = spawn(command, args, { env: { PATH: systemPath } });
	const ended = new Promise<void>((resolve) => child.on("exit", () => resolve()));
	const lines = linesOf(child);
	world.beforeDispose(() => child.kill("SIGKILL"));
	await lines.next("listening");
	const send = async (wanted: StandInCommand) => {
		const isDone = lines.next("done");
		child.stdin.write(`${JSON.stringify(wanted)}\n`);
		await isDone;
	};
	await send({ set: state });
	return {
		url: `http${files.key === undefined ? "" : "s"}://127.0.0.1:${port}`,
		calls: lines.others,
		set: (changes) => send({ set: changes }),
		say: (...events) => send({ say: events }),
		bytes: (bytes) => send({ bytes }),
		hangUp: () => send({ hangUp: true }),
		async kill() {
			child.kill("SIGKILL");
			await ended;
		},
	};
}

/** Lines of its stdout: words that are waited for, and others. */
function linesOf(child: ChildProcessWithoutNullStreams) {
	const others: string[] = [];
	let awaited: { word: string; resolve: () => void; reject: (error: Error) => void } | undefined;
	let rest = "";
	let errors = "";
	child.stderr.setEncoding("utf8").on("data", (text) => {
		errors += text;
	});
	child.on("exit", () => awaited?.reject(new Error(`the stand-in for a master has ended: ${errors}`)));
	child.stdout.setEncoding("utf8").on("data", (text) => {
		const lines = (rest + text).split("\n");
		rest = lines.pop() ?? "";
		for (const line of lines) {
			if (line === awaited?.word) awaited.resolve();
			else others.push(line);
		}
	});
	return {
		others,
		next: (word: string) =>
			new Promise<void>((resolve, reject) => {
				awaited = { word, resolve, reject };
			}),
	};
}
