import { it } from "@jest/globals";
import { attempt } from "./namespace.ts";

type Body = () => void | Promise<void>;

/**
 * `it` that runs only where nothing is missing; otherwise the test is skipped, and the summary of bin/test says why.
 *
 * ```ts
 * const itWithPodman = itUnless(missingProgram("podman"));
 * ```
 */
export function itUnless(reason: string | undefined): (name: string, body: Body, timeoutMs?: number) => void {
	if (reason === undefined) return it;
	return (name, body) => it.skip(`${name} [skipped: ${reason}]`, body);
}

/** The reason for a skip where a program cannot be found, else undefined. */
export function missingProgram(name: string): string | undefined {
	return attempt(["sh", "-c", `command -v ${name}`]).exitCode === 0 ? undefined : `there is no ${name}`;
}
