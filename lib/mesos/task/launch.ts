import { type ChildProcess, spawn } from "node:child_process";
import type { Duplex } from "node:stream";
import { CniError, ErrorCode } from "../../cni/error.ts";
import type { Ending } from "./command-ending.ts";
import {
	couldNotStart,
	type LaunchFailure,
	type LaunchNamespaces,
	type LaunchOrder,
	launchSocket,
	readyLine,
} from "./launch-order.ts";
import { launcherCommand } from "./launcher-command.ts";

/** A process that waits in its namespaces to become the command of a task. */
export interface Launch {
	readonly pid: number;
	/** Lets it become the command; resolves when it has. @throws LaunchError */
	start(order: LaunchOrder): Promise<void>;
	/** To all processes of the command's group. */
	signal(signal: NodeJS.Signals): void;
	/** Resolves when the first process has ended. */
	readonly ended: Promise<Ending>;
}

/** Why a launcher did not become the command, and what a shell would exit with. */
export class LaunchError extends CniError {
	readonly exitCode: number;

	constructor({ message, exitCode }: LaunchFailure) {
		super(ErrorCode.internal, message);
		this.exitCode = exitCode;
	}
}

/**
 * Starts this executable once more, as the launcher. Its environment is empty: what a framework wants in that of its
 * task must not be obeyed by our own runtime.
 *
 * @throws LaunchError when it does not get into the namespaces
 */
export async function launch(namespaces: LaunchNamespaces): Promise<Launch> {
	const child = spawn(process.execPath, [launcherCommand, JSON.stringify(namespaces)], {
		argv0: "cnictl",
		env: {},
		stdio: ["inherit", "inherit", "inherit", "pipe"],
	});
	const ended = new Promise<Ending>((resolve) => {
		child.on("exit", (exitCode, signal) => resolve({ exitCode, signal }));
	});
	const socket = await socketOf(child);
	const { pid = 0 } = child;
	const conversation = listen(socket);
	const answer = await conversation.next();
	if (answer !== readyLine) throw failureIn(answer);
	return {
		pid,
		ended,
		async start(order) {
			socket.write(`${JSON.stringify(order)}\n`);
			const failure = await conversation.next();
			if (failure !== "") throw failureIn(failure);
		},
		signal(signal) {
			try {
				process.kill(-pid, signal);
			} catch {
				// Nobody is left in the group.
			}
		},
	};
}

function socketOf(child: ChildProcess): Promise<Duplex> {
	return new Promise((resolve, reject) => {
		child.on("error", reject);
		child.on("spawn", () => resolve(child.stdio[launchSocket] as Duplex));
	});
}

/** What the launcher says: a line at a time, then nothing. */
function listen(socket: Duplex): { next(): Promise<string> } {
	let text = "";
	let over = false;
	let wake = () => {};
	const end = () => {
		over = true;
		wake();
	};
	socket.on("data", (chunk: Uint8Array) => {
		text += new TextDecoder().decode(chunk);
		wake();
	});
	socket.on("end", end).on("close", end).on("error", end);
	return {
		async next() {
			while (!over && !text.includes("\n")) {
				await new Promise<void>((resolve) => {
					wake = resolve;
				});
			}
			const line = text.slice(0, text.indexOf("\n") + 1);
			text = text.slice(line.length);
			return line;
		},
	};
}

function failureIn(line: string): LaunchError {
	try {
		return new LaunchError(JSON.parse(line) as LaunchFailure);
	} catch {
		return new LaunchError({
			message: "Cannot start the task: its process ended before it was one",
			exitCode: couldNotStart,
		});
	}
}
