import { AttemptError } from "../../http/attempt-error.ts";
import { FileError } from "../../http/file-error.ts";
import { errnoOf, errnoText } from "../../linux/errno.ts";

/** Why it did not work, for a line of a log; some of it may have been said by the other side. */
export function causeOf(thrown: unknown): string {
	return describe(thrown)
		.slice(0, 500)
		.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "?");
}

function describe(thrown: unknown): string {
	if (thrown instanceof AttemptError) {
		return thrown.refusal === undefined ? thrown.message : `${thrown.message}. ${thrown.refusal}`;
	}
	if (thrown instanceof FileError) return `${thrown.message}. ${thrown.details}`;
	const errno = errnoOf(thrown);
	if (errno !== 0) return errnoText(errno);
	return thrown instanceof Error ? thrown.message : String(thrown);
}
