import { JsonSyntaxError, parseJsonText } from "./parse-json-text.ts";
import { placeOf } from "./place-of.ts";

/**
 * `JSON.parse`, with the error texts that operators know from the reference and the place of the error.
 *
 * @throws JsonError
 */
export function parseJson(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch (thrown) {
		throw explainSyntax(text, thrown);
	}
}

/** Text that is no JSON. `place` is `line 3, column 7`, for an error's details. */
export class JsonError extends Error {
	override readonly name = "JsonError";
	readonly place: string;

	constructor(message: string, place: string) {
		super(message);
		this.place = place;
	}
}

/** The error for a text that `JSON.parse` has refused with `cause`. */
export function explainSyntax(text: string, cause: unknown): JsonError {
	try {
		parseJsonText(text);
	} catch (thrown) {
		if (thrown instanceof JsonSyntaxError) {
			const { line, column } = placeOf(text, thrown.offset);
			return new JsonError(thrown.message, `line ${line}, column ${column}`);
		}
	}
	return new JsonError(cause instanceof Error ? cause.message : String(cause), "");
}
