import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import type { Namespace } from "../support/namespace.ts";
import { distribution, root } from "../support/paths.ts";
import { type Command, type PluginOutcome, runPlugin } from "../support/run-plugin.ts";
import type { World } from "../support/world.ts";
import { type Config, hostLocal, kept } from "./bridge-network.ts";

/** A chain in a world, and a directory of plugins of other suites beside ours. */
export interface ChainNetwork {
	/** Calls the chain, as Mesos does: nothing in its environment but CNI variables and PATH, no CNI_ARGS. */
	run(command: Command, call?: ChainCall): PluginOutcome;
	/** How the recording plugins were called since the last look. */
	recorded(): RecordedCall[];
	/** Files that keep results of the chain, by name. */
	keptResults(): string[];
	/** Of an attachment of container-1. */
	readonly keptPath: string;
}

export interface ChainCall {
	readonly netns?: Namespace | string | undefined;
	readonly containerId?: string;
	/** Over the keys of the configuration. */
	readonly with?: Config;
	readonly env?: Readonly<Record<string, string>>;
	/** Put before the command line. */
	readonly wrapper?: readonly string[];
}

export interface RecordedCall {
	readonly type: string;
	readonly command: string;
	readonly env: Readonly<Record<string, string>>;
	readonly stdin: Config;
}

/** A bridge with host-local as the first member, and whatever is to follow it. */
export function bridgeMember(world: World, changes: Config = {}): Config {
	return {
		type: "bridge",
		bridge: "br0",
		isDefaultGateway: true,
		ipam: hostLocal(world, ["10.1.2.0/24"]),
		...changes,
	};
}

/** A plugin of another suite: test/fixtures/recording-plugin.mjs, which hands prevResult on. */
export const recorder = { type: "rec", passOn: true } as const;

/** What may stay: nothing of the chain does. */
export const keptByChain = kept;

/** Where plugins of other suites are looked for first. */
export function foreignDirectory(world: World): string {
	const directory = join(world.directory, "foreign");
	mkdirSync(directory, { recursive: true });
	return directory;
}

export function chainNetwork(world: World, config: Config): ChainNetwork {
	const foreign = foreignDirectory(world);
	for (const type of ["rec", "rec2"]) {
		const link = join(foreign, type);
		if (!existsSync(link)) symlinkSync(join(root, "test/fixtures/recording-plugin.mjs"), link);
	}
	const log = join(world.directory, "calls");
	const stateDir = join(world.dataDir, ".state");
	let seen = 0;
	return {
		run: (command, { with: changes = {}, env = {}, ...call } = {}) =>
			runPlugin({
				world,
				type: "chain",
				command,
				config: { name: "n1", type: "chain", stateDir, ...config, ...changes },
				env: { CNI_PATH: `${foreign}:${distribution}`, REC_LOG: log, ...env },
				...call,
			}),
		recorded() {
			const lines = existsSync(log) ? readFileSync(log, "utf8").trimEnd().split("\n") : [];
			const calls = lines.slice(seen).map((line) => JSON.parse(line) as RecordedCall);
			seen = lines.length;
			return calls.filter(({ command }) => command !== "VERSION");
		},
		keptResults: () => namesIn(join(stateDir, "chain/n1")),
		keptPath: join(stateDir, "chain/n1/container-1:eth0"),
	};
}

/** Puts a copy of our executable, which is another file and so no longer our own, where `type` is looked for first. */
export function executed(world: World, type: string): void {
	cpSync(join(distribution, "../cni-suite"), join(foreignDirectory(world), type));
}

function namesIn(directory: string): string[] {
	return existsSync(directory) ? readdirSync(directory).sort() : [];
}
