import { spawnSync } from "node:child_process";
import { constants } from "node:os";
import { Errno, SystemError } from "./errno.ts";

export interface RunOptions {
	/** Without the program's name. */
	readonly args: readonly string[];
	/** All variables that the program sees. */
	readonly environment: Readonly<Record<string, string | undefined>>;
	/** What it reads from its stdin; it need not. */
	readonly input: Uint8Array | string;
}

export interface RunOutcome {
	readonly stdout: string;
	readonly stderr: string;
	/** The exit code; undefined when a signal ended the program. */
	readonly status: number | undefined;
	readonly signal: number | undefined;
}

/** Runs a program, without a shell, and waits for its end. @throws SystemError when it cannot be started */
export function runToEnd(path: string, { args, environment, input }: RunOptions): RunOutcome {
	const { stdout, stderr, status, signal, error } = spawnSync(path, args, {
		input,
		env: { ...environment },
		encoding: "utf8",
		maxBuffer: 256 * 1024 * 1024,
	});
	const errno = -((error as NodeJS.ErrnoException | undefined)?.errno ?? 0);
	// It has read less than we had for it, which is its own affair.
	if (error !== undefined && errno !== Errno.EPIPE) throw new SystemError(`execute "${path}"`, errno);
	return {
		stdout,
		stderr,
		status: status ?? undefined,
		signal: signal === null ? undefined : constants.signals[signal],
	};
}
