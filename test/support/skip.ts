import { it } from "@jest/globals";
import { attempt } from "./namespace.ts";
import { systemPath } from "./paths.ts";

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

/** The reason for a skip where a program cannot be found in PATH, by default the system's, else undefined. */
export function missingProgram(name: string, path = systemPath): string | undefined {
	const found = attempt(["sh", "-c", `command -v ${name}`], { env: { PATH: path } });
	return found.exitCode === 0 ? undefined : `there is no ${name}`;
}
