import { CniError, ErrorCode } from "../cni/error.ts";
import { isRegularFile } from "../linux/files.ts";

/** Where the programs of the system are, whatever PATH a runtime passes on. */
const systemDirectories = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** The path of a program: from PATH, or where the system has its own. */
export function findProgram(name: string): string | undefined {
	const directories = [
		...(process.env.PATH ?? "").split(":").filter((entry) => entry.startsWith("/")),
		...systemDirectories,
	];
	return directories.map((directory) => `${directory}/${name}`).find(isRegularFile);
}

export interface ProgramOptions {
	readonly input?: string;
	/** What would help when it fails. */
	readonly help: string;
}

/** Runs the program without a shell, and returns its stdout. @throws CniError */
export function runProgram(program: string, args: readonly string[], { input = "", help }: ProgramOptions): string {
	// Loaded here: most calls that load this file start no program, and loading takes 5 ms.
	const { spawnSync } = process.getBuiltinModule("node:child_process");
	const { status, signal, stdout, stderr, error } = spawnSync(program, args, {
		input,
		env: { PATH: systemDirectories.join(":"), LC_ALL: "C" },
		encoding: "utf8",
		maxBuffer: 256 * 1024 * 1024,
	});
	if (status === 0) return stdout;
	const ending = error?.message ?? (signal === null ? `exit status ${status}` : `signal ${signal}`);
	throw new CniError(ErrorCode.internal, `running [${[program, ...args].join(" ")}]: ${ending}: ${stderr.trim()}`, {
		details: help,
	});
}
