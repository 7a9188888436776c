import { CniError, toCniError } from "../../../lib/cni/error.ts";

/** The codes of the port mapper that comes with Mesos, for what goes wrong in this plugin's own part. */
export const MapperError = {
	/** Of the configuration. */
	config: 101,
	delegate: 102,
	/** Of the firewall. */
	ports: 103,
} as const;

type Code = (typeof MapperError)[keyof typeof MapperError];

interface Step {
	readonly code: Code;
	readonly prefix: string;
}

/** Runs a step; an error is thrown again with one of these codes, as `prefix: error`. */
export function inStep<T>(step: Step, action: () => T): T {
	try {
		return action();
	} catch (thrown) {
		throw errorOf(step, thrown);
	}
}

/** The same of a step that has to be waited for. */
export async function inLongStep<T>(step: Step, action: () => Promise<T>): Promise<T> {
	try {
		return await action();
	} catch (thrown) {
		throw errorOf(step, thrown);
	}
}

function errorOf({ code, prefix }: Step, thrown: unknown): CniError {
	const { code: own, message, details } = toCniError(thrown);
	const wasCode = `its code is ${own}`;
	return new CniError(code, `${prefix}: ${message}`, {
		details: details === "" ? wasCode : `${details}; ${wasCode}`,
		cause: thrown,
	});
}
