import { join } from "node:path";
import type { EtcdCluster } from "./etcd-cluster.ts";
import type { Lan, Plug } from "./lan.ts";
import type { Command, PluginCall } from "./run-plugin.ts";
import type { Snapshot } from "./snapshot.ts";
import { createWorld, snapshotOf, type World } from "./world.ts";

/** An agent of a cluster: a machine with a bridge of its own, plugged into the network of the members of etcd. */
export interface AgentMachine extends Disposable {
	readonly name: string;
	readonly world: World;
	readonly plug: Plug;
	/** Where it keeps the hint and the journal of the network. */
	readonly directory: string;
	/** What it held before any container came. */
	readonly before: Snapshot;
	/** The network's configuration on this agent. */
	readonly config: object;
	/** A call of its plugin. */
	call(command: Command, options: Omit<PluginCall, "world" | "type" | "command" | "config">): PluginCall;
}

export interface AgentMachineOptions {
	readonly lan: Lan;
	readonly etcd: EtcdCluster;
	/** Of all keys. */
	readonly prefix: string;
	/** Of the range sets. */
	readonly subnets: readonly string[];
	/** Further keys of `ipam`. */
	readonly ipam?: object;
}

export const network = "shared";

/** Number 0 and up. The member of its own number is the nearest, which it asks first. */
export function makeAgentMachine(
	number: number,
	{ lan, etcd, prefix, subnets, ipam = {} }: AgentMachineOptions,
): AgentMachine {
	const world = createWorld();
	const name = `agent-${number}`;
	const plug = lan.join(world.host, `10.0.0.${101 + number}/24`);
	const dataDir = join(world.directory, "cluster");
	const urls = etcd.members.map(({ url }) => url);
	const config = {
		cniVersion: "1.1.0",
		name: network,
		type: "bridge",
		bridge: "br0",
		isGateway: true,
		ipam: {
			type: "cluster",
			agent: name,
			endpoints: [...urls.slice(number % urls.length), ...urls.slice(0, number % urls.length)],
			prefix,
			dataDir,
			cooldown: 0,
			ranges: subnets.map((subnet) => [{ subnet }]),
			...ipam,
		},
	};
	return {
		name,
		world,
		plug,
		config,
		directory: join(dataDir, network),
		before: snapshotOf(world),
		call: (command, options) => ({ world, type: "bridge", command, config, ...options }),
		[Symbol.dispose]: () => world.dispose(),
	};
}
