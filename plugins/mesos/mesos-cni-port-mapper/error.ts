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

/** Runs a step; an error is thrown again with one of these codes, as `prefix: error`. */
export async function inStep<T>(
	{ code, prefix }: { code: Code; prefix: string },
	step: () => T | Promise<T>,
): Promise<T> {
	try {
		return await step();
	} catch (thrown) {
		const { code: own, message, details } = toCniError(thrown);
		const wasCode = `its code is ${own}`;
		throw new CniError(code, `${prefix}: ${message}`, {
			details: details === "" ? wasCode : `${details}; ${wasCode}`,
			cause: thrown,
		});
	}
}
