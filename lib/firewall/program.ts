import { CniError, ErrorCode, messageOf } from "../cni/error.ts";
import { isRegularFile } from "../linux/files.ts";
import { type RunOptions, runToEnd } from "../linux/run-to-end.ts";

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
	const environment = { PATH: systemDirectories.join(":"), LC_ALL: "C" };
	const { stdout, problem } = run(program, { args, environment, input });
	if (problem === undefined) return stdout;
	throw new CniError(ErrorCode.internal, `running [${[program, ...args].join(" ")}]: ${problem}`, { details: help });
}

function run(program: string, options: RunOptions): { stdout: string; problem?: string } {
	try {
		const { stdout, stderr, status, signal } = runToEnd(program, options);
		if (status === 0) return { stdout };
		const ending = signal === undefined ? `exit status ${status}` : `signal ${signal}`;
		return { stdout, problem: `${ending}: ${stderr.trim()}` };
	} catch (thrown) {
		return { stdout: "", problem: messageOf(thrown) };
	}
}
