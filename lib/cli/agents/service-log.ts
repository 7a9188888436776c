import { ErrorCode, errorText, toCniError } from "../../cni/error.ts";
import { writeStderr } from "../../linux/stdio.ts";
import { plainLine } from "../plain-text.ts";

/** A line on stderr, led by the time: `2026-05-01T12:00:00.000Z text`. Nothing in it can pass for another line. */
export function serviceLog(now: () => number): (text: string) => void {
	return (text) => writeStderr(`${new Date(now()).toISOString()} ${plainLine(text)}\n`);
}

/** What goes wrong again and again, said when it begins, when it becomes something else, and when it is over. */
export interface Complaints {
	failed(thrown: unknown): void;
	succeeded(): void;
}

export function complaints(log: (text: string) => void, what: string): Complaints {
	let last: string | undefined;
	return {
		failed(thrown) {
			// Who is away is away, whatever each attempt finds in the way.
			const kind = toCniError(thrown).code === ErrorCode.tryAgainLater ? "away" : errorText(thrown);
			if (kind !== last) log(`Cannot ${what}: ${errorText(thrown)}. It is tried again`);
			last = kind;
		},
		succeeded() {
			if (last !== undefined) log(`Can ${what} again`);
			last = undefined;
		},
	};
}
