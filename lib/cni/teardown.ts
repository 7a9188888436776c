import { type CniError, errorText, toCniError } from "./error.ts";
import type { Log } from "./log.ts";

/** Runs the steps of a DEL or GC: an error stops none of the later ones, and the first is reported at the end. */
export interface Teardown {
	step(what: string, action: () => void | Promise<void>): Promise<void>;
	/** @throws CniError the first error; the others have gone to the log */
	finish(): void;
}

export function createTeardown(log: Log): Teardown {
	const errors: CniError[] = [];
	return {
		async step(what, action) {
			try {
				await log.step(what, action);
			} catch (thrown) {
				errors.push(toCniError(thrown));
			}
		},
		finish() {
			const [first, ...others] = errors;
			for (const error of others) log.warn(errorText(error));
			if (first !== undefined) throw first;
		},
	};
}
