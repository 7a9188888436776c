/** Error codes of the specification, section "Error", and the one the reference adds for namespaces (8). */
export const ErrorCode = {
	unknown: 0,
	incompatibleVersion: 1,
	unsupportedField: 2,
	unknownContainer: 3,
	invalidEnvironment: 4,
	ioFailure: 5,
	decodingFailure: 6,
	invalidNetworkConfig: 7,
	invalidNetns: 8,
	tryAgainLater: 11,
	pluginNotAvailable: 50,
	limitedConnectivity: 51,
	internal: 999,
} as const;

/**
 * An error as callers of a plugin see it: `{code, msg, details}`.
 *
 * `msg` says what could not be done, to what, and why; it keeps the reference's wording where operators search logs
 * for it. `details` says what would help. Callers print `msg; details`.
 */
export class CniError extends Error {
	override readonly name = "CniError";
	readonly code: number;
	readonly details: string;

	constructor(code: number, msg: string, { details = "", cause }: { details?: string; cause?: unknown } = {}) {
		super(msg, cause === undefined ? undefined : { cause });
		this.code = code;
		this.details = details;
	}
}

/** Any thrown value as a CniError: typed errors pass unchanged, all others become code 999. */
export function toCniError(thrown: unknown): CniError {
	if (thrown instanceof CniError) return thrown;
	return new CniError(ErrorCode.internal, messageOf(thrown), { cause: thrown });
}

/** What an error says, without what would help; any other thrown value as text. */
export function messageOf(thrown: unknown): string {
	return thrown instanceof Error ? thrown.message : String(thrown);
}

/** `msg; details`: how callers print an error. */
export function errorText(thrown: unknown): string {
	const { message, details } = toCniError(thrown);
	return details === "" ? message : `${message}; ${details}`;
}

/** Runs `action`; an error is thrown again as `prefix: error`, with its code and details. */
export function annotate<T>(prefix: string, action: () => T): T {
	try {
		return action();
	} catch (thrown) {
		const error = toCniError(thrown);
		throw new CniError(error.code, `${prefix}: ${error.message}`, { details: error.details, cause: thrown });
	}
}
