import { type PluginCall, runPlugin } from "../support/run-plugin.ts";
import { type CutPoint, describeCut, dryRuns } from "./kill-everywhere.ts";

export interface FailEverywhere {
	/** The ADD in which one system call after the other fails. */
	readonly call: PluginCall;
	/** Makes the state before the call. */
	readonly prepare: () => void;
	/** Takes the attachment away where the call succeeded in spite of the error, and after each test. */
	readonly recover: () => void;
	/** What is not as it was before the call, a line each. */
	readonly verify: () => string[];
}

export interface FailReport {
	/** How many errors made the call fail. */
	readonly failed: number;
	/** How many it could bear, or did not meet. */
	readonly succeeded: number;
	/** For each error after which something was wrong: where, and what. */
	readonly wrong: readonly { readonly cut: string; readonly lines: readonly string[] }[];
}

/**
 * Lets each system call that could change something fail once (by strace's injection), and holds the call to its word:
 * either it succeeds, or it answers with an error object and has left nothing, without any DEL.
 */
export function failEverywhere({ call, prepare, recover, verify }: FailEverywhere): FailReport {
	const cuts = dryRuns({ call, prepare, recover }).cuts.filter(isOfPlugin);
	const wrong: { cut: string; lines: string[] }[] = [];
	let failed = 0;
	for (const cut of cuts) {
		prepare();
		const outcome = runPlugin({ ...call, wrapper: failAt(cut) });
		const lines: string[] = [];
		// Calls are counted, and the runtime makes one more or less of its own at times: then the error has met the answer.
		if (outcome.exitCode !== 0 && !outcome.stderr.includes("Cannot write the answer to stdout")) {
			failed++;
			lines.push(...verify());
			if (outcome.exitCode !== 1 || !isErrorObject(outcome.stdout)) {
				lines.push(`no error object: exit ${outcome.exitCode ?? outcome.signal}, stdout ${outcome.stdout}`);
			}
			recover();
		} else {
			recover();
			lines.push(...verify().map((line) => `after DEL: ${line}`));
		}
		if (lines.length > 0) wrong.push({ cut: `${errorOf(cut)} at ${describeCut(cut)}: ${outcome.stderr}`, lines });
	}
	return { failed, succeeded: cuts.length - failed, wrong };
}

/**
 * Left out: a result that cannot be printed undoes nothing, and a message is lost; neither is a failure of the call. And
 * every second setns, which leads back: who cannot return can undo nothing either.
 */
function isOfPlugin({ syscall, occurrence, text }: CutPoint): boolean {
	if (syscall === "setns") return occurrence % 2 === 1;
	return !(syscall === "write" && /^[12][<,]/.test(text));
}

function failAt(cut: CutPoint): string[] {
	const inject = `inject=${cut.syscall}:error=${errorOf(cut)}:when=${cut.occurrence}`;
	return ["strace", "-qq", "-e", `trace=${cut.syscall}`, "-e", inject, "-o", "/dev/null"];
}

function errorOf({ syscall }: CutPoint): string {
	if (/^send/.test(syscall)) return "ENOMEM";
	if (/^(setns|unshare|kill)$/.test(syscall)) return "EPERM";
	if (/^(v?fork|clone)/.test(syscall)) return "EAGAIN";
	return /^(p?write|open|mkdir|link|f(truncate|allocate))/.test(syscall) ? "ENOSPC" : "EIO";
}

function isErrorObject(stdout: string): boolean {
	try {
		const { code, msg } = JSON.parse(stdout) as { code?: unknown; msg?: unknown };
		return typeof code === "number" && typeof msg === "string" && msg !== "";
	} catch {
		return false;
	}
}
