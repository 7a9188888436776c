import { CniError, messageOf, toCniError } from "../../cni/error.ts";

/**
 * Runs an action for all items at once and waits for all of them, whichever fail.
 *
 * @throws CniError a line for each failure, in the order of the items
 */
export async function allOf<T>(items: readonly T[], action: (item: T) => Promise<void>): Promise<void> {
	const outcomes = await Promise.allSettled(items.map(action));
	const failures = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason as unknown] : []));
	if (failures.length === 0) return;
	throw new CniError(toCniError(failures[0]).code, failures.map(messageOf).join("\n"), { cause: failures[0] });
}
