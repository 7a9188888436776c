import { writeStderr } from "../../linux/stdio.ts";
import { plainLine } from "../plain-text.ts";

/** Told how far some long work has come. */
export type Progress = (what: string, state: { readonly done: number; readonly all: number }) => void;

/** Work that is over sooner shows nothing. */
const quietMs = 1000;
const refreshMs = 200;

/** A line on stderr where that is a terminal, which is replaced by the next, and taken away at the end. */
export function openProgress(): Progress & Disposable {
	const startedAt = performance.now();
	let shownAt = Number.NEGATIVE_INFINITY;
	let isShown = false;
	const progress: Progress = (what, { done, all }) => {
		const now = performance.now();
		if (!process.stderr.isTTY || now - startedAt < quietMs || now - shownAt < refreshMs) return;
		writeStderr(`\r\u001b[K${plainLine(what)}: ${done} of ${all}`);
		shownAt = now;
		isShown = true;
	};
	return Object.assign(progress, {
		[Symbol.dispose]() {
			if (isShown) writeStderr("\r\u001b[K");
		},
	});
}
