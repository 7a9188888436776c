import { appendFile } from "../linux/files.ts";
import { messageOf } from "./error.ts";

/**
 * What a run did and how long each step took, one JSON object a line in the file that CNI_SUITE_LOG names. Without
 * that variable nothing is measured or written. Lines carry the trace id of TRACEPARENT (W3C Trace Context) if set.
 */
export interface Log {
	/** Runs `action` as a named step. */
	step<T>(name: string, action: () => T): T;
	/** A line about something noticed that is no failure; to the log and to stderr, which runtimes keep. */
	warn(message: string): void;
	/** Writes the lines gathered. A log that cannot be written never fails the verb. */
	flush(): void;
}

export interface LogContext {
	readonly path: string | undefined;
	readonly traceparent: string | undefined;
	/** Fields of every line: plugin, command, container… */
	readonly fields: Readonly<Record<string, string>>;
	readonly stderr: (line: string) => void;
}

export function createLog({ path, traceparent, fields, stderr }: LogContext): Log {
	const warn = (message: string) => stderr(`${fields.plugin}: ${message}\n`);
	if (!path) return { step: (_name, action) => action(), warn, flush() {} };

	const lines: string[] = [];
	const trace = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-/.exec(traceparent ?? "");
	const context = trace === null ? fields : { ...fields, traceId: trace[1], parentSpanId: trace[2] };
	const write = (entry: Record<string, unknown>) => {
		lines.push(JSON.stringify({ time: new Date().toISOString(), ...context, ...entry }));
	};
	return {
		step(name, action) {
			const start = performance.now();
			const done = (failed: boolean) =>
				write({ step: name, milliseconds: Math.round((performance.now() - start) * 1000) / 1000, failed });
			return observe(action, done);
		},
		warn(message) {
			write({ warning: message });
			warn(message);
		},
		flush() {
			if (lines.length === 0) return;
			try {
				// All lines in one write, so that those of plugins that run at the same time do not mix.
				appendFile(path, `${lines.splice(0).join("\n")}\n`);
			} catch (thrown) {
				warn(`Cannot write the log "${path}": ${messageOf(thrown)}`);
			}
		},
	};
}

/** Calls `done` when `action` has ended, also when it is asynchronous or throws. */
function observe<T>(action: () => T, done: (failed: boolean) => void): T {
	try {
		const value = action();
		if (value instanceof Promise) {
			const settled = value.then(
				(resolved) => {
					done(false);
					return resolved;
				},
				(reason) => {
					done(true);
					throw reason;
				},
			);
			return settled as T;
		}
		done(false);
		return value;
	} catch (thrown) {
		done(true);
		throw thrown;
	}
}
