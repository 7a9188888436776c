import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { attempt, enter, type Namespace, type Outcome } from "./namespace.ts";
import { distribution, root, systemPath } from "./paths.ts";
import type { World } from "./world.ts";

/** Configurations that work as they stand. */
export const exampleDirectory = join(root, "conf-examples");

/** File names of all examples. */
export function listExamples(): string[] {
	return readdirSync(exampleDirectory).sort();
}

/** The name of the network in the file. */
export function networkOf(file: string): string {
	return JSON.parse(readFileSync(join(exampleDirectory, file), "utf8")).name;
}

export interface ExampleCall {
	readonly file: string;
	readonly container: Namespace;
	/** CAP_ARGS: what a runtime would pass for the capabilities of the network. */
	readonly capabilities?: object;
	/** By default `cnictl`. */
	readonly executable?: string;
}

/**
 * Runs `cnictl VERB` for the example's network in the world's host namespace. The file is used as it is, its default
 * dataDir too: a folder of the world is in the place of /var/lib.
 */
export function runExample(
	world: World,
	verb: string,
	{ file, container, capabilities, executable = join(distribution, "cnictl") }: ExampleCall,
): Outcome {
	const state = join(world.directory, "state");
	mkdirSync(state, { recursive: true });
	const env = {
		PATH: systemPath,
		CNI_PATH: distribution,
		NETCONFPATH: exampleDirectory,
		...(capabilities === undefined ? {} : { CAP_ARGS: JSON.stringify(capabilities) }),
	};
	const inState = ["/usr/bin/unshare", "-m", "/bin/sh", "-c", 'mount --bind "$0" /var/lib && exec "$@"', state];
	const command = [executable, verb, networkOf(file), container.path];
	return attempt(enter(world.host, [...inState, ...command]), { env });
}
