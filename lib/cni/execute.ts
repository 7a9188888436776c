import { Errno, SystemError } from "../linux/errno.ts";
import { sleep } from "../linux/libc.ts";
import { runToEnd } from "../linux/run-to-end.ts";
import { writeStderr } from "../linux/stdio.ts";
import { CniError, ErrorCode, messageOf } from "./error.ts";

export interface PluginCall {
	readonly path: string;
	/** The complete environment of the child. */
	readonly environment: Readonly<Record<string, string | undefined>>;
	readonly stdin: Uint8Array | string;
}

/** How often an executable that is just being replaced is tried again, a second apart. */
const textFileBusyTries = 6;

/**
 * Runs a plugin to its end; its stderr goes to ours.
 *
 * @returns its stdout
 * @throws CniError: the plugin's own, or one that says how it ended
 */
export function executePlugin(call: PluginCall): string {
	for (let attempt = 1; ; attempt++) {
		try {
			const { stdout, stderr, status, signal } = runToEnd(call.path, {
				args: [],
				environment: call.environment,
				input: call.stdin,
			});
			writeStderr(stderr);
			if (status === 0) return stdout;
			throw failure({ stdout, stderr, ending: describeEnding(status, signal) });
		} catch (thrown) {
			if (!(thrown instanceof SystemError)) throw thrown;
			if (thrown.errno !== Errno.ETXTBSY || attempt >= textFileBusyTries) throw unstartable(call, thrown);
			sleep(1000);
		}
	}
}

function unstartable({ path }: PluginCall, cause: SystemError): CniError {
	return new CniError(ErrorCode.internal, `failed to execute plugin "${path}": ${cause.message}`, {
		details: "It must be a program, or a script whose first line names its interpreter, with the execute bit set",
		cause,
	});
}

function describeEnding(status: number | undefined, signal: number | undefined): string {
	if (signal === undefined) return `exit status ${status}`;
	return signal === SIGKILL ? "signal: killed" : `signal: ${signal}`;
}

const SIGKILL = 9;

function failure({ stdout, stderr, ending }: { stdout: string; stderr: string; ending: string }): CniError {
	if (stdout.trim() === "") {
		return new CniError(
			ErrorCode.unknown,
			stderr === ""
				? `netplugin failed with no error message: ${ending}`
				: `netplugin failed: ${JSON.stringify(stderr)}: ${ending}`,
		);
	}
	try {
		const error: unknown = JSON.parse(stdout);
		if (typeof error === "object" && error !== null && !Array.isArray(error)) {
			const { code, msg, details } = error as Record<string, unknown>;
			return new CniError(typeof code === "number" ? code : ErrorCode.unknown, typeof msg === "string" ? msg : "", {
				details: typeof details === "string" ? details : "",
			});
		}
		throw new Error("it is not an object");
	} catch (thrown) {
		const reason = messageOf(thrown);
		return new CniError(
			ErrorCode.unknown,
			`netplugin failed but error parsing its diagnostic message ${JSON.stringify(stdout)}: ${reason}`,
		);
	}
}
