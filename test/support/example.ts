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
}

/**
 * Runs `cnictl VERB` for the example's network in the world's host namespace. The file is used as it is, its default
 * dataDir too: folders of the world are in the places of /var/lib and /run/cni-suite.
 */
export function runExample(world: World, verb: string, { file, container, capabilities }: ExampleCall): Outcome {
	const [state, volatile] = ["state", "run"].map((name) => join(world.directory, name));
	for (const directory of [state, volatile, "/run/cni-suite"]) mkdirSync(directory ?? "", { recursive: true });
	const env = {
		PATH: systemPath,
		CNI_PATH: distribution,
		NETCONFPATH: exampleDirectory,
		...(capabilities === undefined ? {} : { CAP_ARGS: JSON.stringify(capabilities) }),
	};
	const mounts = 'mount --bind "$0" /var/lib && mount --bind "$1" /run/cni-suite && shift && exec "$@"';
	const inState = ["/usr/bin/unshare", "-m", "/bin/sh", "-c", mounts, state ?? "", volatile ?? ""];
	const command = [join(distribution, "cnictl"), verb, networkOf(file), container.path];
	return attempt(enter(world.host, [...inState, ...command]), { env });
}
