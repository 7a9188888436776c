import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { CniError, ErrorCode, messageOf } from "../../cni/error.ts";

/** One call of a plugin, as the agent makes it. */
export interface PluginRun {
	readonly path: string;
	readonly environment: PluginEnvironment;
	/** The file that is its stdin. */
	readonly stdinPath: string;
}

/** The complete environment: plugins inherit nothing. */
export interface PluginEnvironment {
	readonly CNI_COMMAND: "ADD" | "DEL";
	readonly CNI_CONTAINERID: string;
	readonly CNI_IFNAME: string;
	/** Absent when there is no namespace (any more). */
	readonly CNI_NETNS?: string;
	readonly CNI_PATH: string;
	readonly PATH: string;
}

export interface PluginEnding {
	readonly succeeded: boolean;
	readonly stdout: string;
	readonly stderr: string;
}

/** Runs a plugin to its end, however long it takes. @throws CniError when it cannot be started */
export async function runPlugin({ path, environment, stdinPath }: PluginRun): Promise<PluginEnding> {
	try {
		return await run([path], { environment, stdinPath });
	} catch (thrown) {
		if (!isNoProgram(thrown)) throw failed(path, thrown);
	}
	// A script without `#!` in its first line: execvp(3), with which the agent starts plugins, gives it to the shell.
	try {
		return await run(["/bin/sh", path], { environment, stdinPath });
	} catch (thrown) {
		throw failed(path, thrown);
	}
}

function run(
	[program = "", ...args]: readonly string[],
	{ environment, stdinPath }: Omit<PluginRun, "path">,
): Promise<PluginEnding> {
	const stdin = openSync(stdinPath, "r");
	try {
		const child = spawn(program, args, { env: { ...environment }, stdio: [stdin, "pipe", "pipe"] });
		return new Promise((resolve, reject) => {
			const output = { stdout: "", stderr: "" };
			for (const stream of ["stdout", "stderr"] as const) {
				child[stream]?.setEncoding("utf8").on("data", (chunk) => {
					output[stream] += chunk;
				});
			}
			child.on("error", reject);
			child.on("close", (status) => resolve({ succeeded: status === 0, ...output }));
		});
	} finally {
		closeSync(stdin);
	}
}

function isNoProgram(thrown: unknown): boolean {
	return (thrown as { code?: unknown }).code === "ENOEXEC";
}

function failed(path: string, thrown: unknown): CniError {
	return new CniError(ErrorCode.internal, `Failed to execute the CNI plugin '${path}': ${messageOf(thrown)}`, {
		cause: thrown,
	});
}
