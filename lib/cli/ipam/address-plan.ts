import { compareAddresses, type IpAddress } from "../../ip/address.ts";
import { type AddedPool, extendSets } from "../../ipam/added-pools.ts";
import type { Block } from "../../ipam/etcd-store/block.ts";
import { readAgents, readNetwork } from "../../ipam/etcd-store/read-network.ts";
import { coolingAddresses } from "../../ipam/file-store/cooling-log.ts";
import { createFileStore } from "../../ipam/file-store/file-store.ts";
import { layoutOf } from "../../ipam/file-store/layout.ts";
import type { RangeSet } from "../../ipam/range-set.ts";
import type { Reservation } from "../../ipam/store.ts";
import { lockFile } from "../../linux/file-lock.ts";
import { clusterGateway } from "./cluster-gateway.ts";
import type { ClusterNetwork, HostLocalNetwork, IpamNetwork } from "./networks.ts";
import type { Progress } from "./progress.ts";

/** What is given of a network's addresses, to whom. */
export interface AddressPlan {
	readonly network: IpamNetwork;
	/** Those of its configuration, with its pools; none where no configuration tells of it. */
	readonly sets: readonly RangeSet[];
	/** What was added to a cluster's network beside its configuration. */
	readonly pools: readonly AddedPool[];
	/** In the order of their addresses. */
	readonly reservations: readonly Reservation[];
	/** Released, and not given again yet. */
	readonly resting: readonly IpAddress[];
	/** None for host-local. */
	readonly blocks: readonly AgentBlock[];
	/** Names of agents that are marked as lost, and since when, in milliseconds since the epoch. */
	readonly lost: ReadonlyMap<string, number>;
}

export interface AgentBlock {
	readonly block: Block;
	readonly agent: string;
}

/** Changes nothing. @throws CniError, SystemError */
export function readPlan(network: IpamNetwork, progress: Progress): Promise<AddressPlan> {
	return network.type === "host-local" ? readHostLocal(network) : readCluster(network, progress);
}

async function readHostLocal(network: HostLocalNetwork): Promise<AddressPlan> {
	const { name, dataDir, cooldownMs } = network;
	const store = createFileStore({ dataDir, network: name, cooldownMs, lock: lockFile });
	const reservations = await store.list();
	const held = new Set(reservations.map(({ address }) => textOf(address)));
	const now = Date.now();
	const resting = coolingAddresses(layoutOf(dataDir, name)).filter(
		({ address, releasedAt }) => now - releasedAt < cooldownMs && !held.has(textOf(address)),
	);
	return {
		network,
		sets: network.sets,
		pools: [],
		reservations: sorted(reservations),
		resting: resting.map(({ address }) => address),
		blocks: [],
		lost: new Map(),
	};
}

async function readCluster(network: ClusterNetwork, progress: Progress): Promise<AddressPlan> {
	const { name, place } = network;
	const gateway = clusterGateway(network);
	const keys = await readNetwork(gateway, { prefix: place.prefix, network: name }, (done, all) =>
		progress(`reading "${name}"`, { done, all }),
	);
	const agents = await readAgents(gateway, place.prefix);
	const now = Date.now();
	const pools = keys.pools.flatMap(({ pool }) => pool ?? []);
	return {
		network,
		sets: extendSets(network.sets, { pools }),
		pools,
		reservations: sorted(
			keys.addresses.flatMap(({ address, record, kv }): Reservation[] => {
				if (record === undefined) return [];
				const { containerId, ifName, labels, groups, agent, time } = record;
				const tags = { labels, groups };
				return [{ address, owner: { containerId, ifName }, tags, agent, time, sequence: kv.modRevision }];
			}),
		),
		resting: keys.resting.filter(({ until }) => until > now).map(({ address }) => address),
		blocks: keys.blocks.map(({ block, agent }) => ({ block, agent })),
		lost: new Map(
			[...agents].flatMap(([agent, { lostSince }]) => (lostSince === undefined ? [] : [[agent, lostSince] as const])),
		),
	};
}

function sorted(reservations: readonly Reservation[]): readonly Reservation[] {
	return reservations.toSorted((a, b) => compareAddresses(a.address, b.address));
}

function textOf({ family, value }: IpAddress): string {
	return `${family}-${value}`;
}
