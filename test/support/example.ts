import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { attempt, enter, type Namespace, type Outcome } from "./namespace.ts";
import { distribution, root, systemPath } from "./paths.ts";
import type { World } from "./world.ts";

/** Configurations that work as they stand. */
export const exampleDirectory = join(root, "conf-examples");

/** File names of all examples, without those for `cnictl task` in their folder. */
export function listExamples(): string[] {
	return readdirSync(exampleDirectory, { withFileTypes: true })
		.filter((entry) => entry.isFile())
		.map(({ name }) => name)
		.sort();
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

/** Runs `cnictl VERB` for the example's network in the world's host namespace, with the file as it is. */
export function runExample(
	world: World,
	verb: string,
	{ file, container, capabilities, executable = join(distribution, "cnictl") }: ExampleCall,
): Outcome {
	return runWithOwnState(world, [executable, verb, networkOf(file), container.path], {
		CNI_PATH: distribution,
		NETCONFPATH: exampleDirectory,
		...(capabilities === undefined ? {} : { CAP_ARGS: JSON.stringify(capabilities) }),
	});
}

/**
 * Runs a command in the world's host namespace where its default directories are the world's: folders of it are in their
 * places.
 */
export function runWithOwnState(
	world: World,
	command: readonly string[],
	env: Readonly<Record<string, string>> = {},
): Outcome {
	return attempt(ownState(world, command), { env: { PATH: systemPath, ...env } });
}

/** The command line of {@link runWithOwnState}. */
export function ownState(world: World, command: readonly string[]): string[] {
	const places = { state: "/var/lib", run: "/run/cni-suite", "run-cni": "/run/cni", "etc-cni": "/etc/cni" };
	const mounts = Object.entries(places).map(([name, place]) => {
		const folder = join(world.directory, name);
		for (const directory of [folder, place]) mkdirSync(directory, { recursive: true });
		return `mount --bind "${folder}" ${place}`;
	});
	const isolate = ["/usr/bin/unshare", "-m", "/bin/sh", "-c", `${mounts.join(" && ")} && exec "$0" "$@"`];
	return enter(world.host, [...isolate, ...command]);
}
