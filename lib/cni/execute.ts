import { spawnSync } from "node:child_process";
import { sleep } from "../linux/sleep.ts";
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
		const child = spawnSync(call.path, [], {
			env: { ...call.environment },
			input: call.stdin,
			stdio: ["pipe", "pipe", "pipe"],
			maxBuffer: 64 * 1024 * 1024,
		});
		const spawnError = child.error as (Error & { code?: string }) | undefined;
		if (spawnError?.code === "ETXTBSY" && attempt < textFileBusyTries) {
			sleep(1000);
			continue;
		}
		if (spawnError !== undefined && spawnError.code !== "EPIPE") {
			throw new CniError(ErrorCode.internal, `failed to execute plugin "${call.path}": ${spawnError.message}`, {
				details: "It must be a program, or a script whose first line names its interpreter, with the execute bit set",
			});
		}
		const stdout = child.stdout.toString();
		const stderr = child.stderr.toString();
		writeStderr(stderr);
		if (child.status === 0) return stdout;
		throw failure({ stdout, stderr, ending: describeEnding(child.status, child.signal) });
	}
}

function describeEnding(status: number | null, signal: string | null): string {
	if (status !== null) return `exit status ${status}`;
	return signal === "SIGKILL" ? "signal: killed" : `signal: ${(signal ?? "unknown").replace(/^SIG/, "").toLowerCase()}`;
}

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
