import { CniError, ErrorCode } from "../../../cni/error.ts";
import { quoteText } from "../../../cni/quote-text.ts";
import { formatAddress, formatPrefix, type IpAddress, sameAddress } from "../../../ip/address.ts";
import { objectionTo } from "../../../ipam/added-pools.ts";
import { formatPool, type PoolKey, poolName } from "../../../ipam/etcd-store/pool-key.ts";
import { type AddressRange, formatRange, rangeContains, rangesOverlap } from "../../../ipam/range.ts";
import type { StoredNetwork } from "./read-networks.ts";

export interface Addition {
	readonly range: AddressRange;
	readonly network: StoredNetwork;
	/** All that are known of; those of other clusters have another etcd, or another prefix. */
	readonly all: readonly StoredNetwork[];
	/** Whether it may overlap other networks. */
	readonly allowOverlap: boolean;
	/** What cannot be done otherwise. */
	readonly task: string;
}

export interface JudgedAddition {
	readonly outcome: "added" | "grown" | "present";
	/** The key of the same subnet. */
	readonly before: PoolKey | undefined;
}

/** What comes of a pool that is to be added. @throws CniError code 7 when it cannot be, and why */
export function judgeAddition(addition: Addition): JudgedAddition {
	const { range, network, task } = addition;
	const before = network.added.find(({ kv }) => kv.key.endsWith(`/pool/${poolName(range.subnet)}`));
	const old = before?.pool;
	if (old?.text === formatPool(range)) return { outcome: "present", before };
	const [cause, help] = (old && objectionToGrowth(addition, old.range)) ?? objectionOf(addition, before) ?? [];
	if (cause !== undefined) {
		throw new CniError(ErrorCode.invalidNetworkConfig, `Cannot ${task}: ${cause}`, { details: help ?? "" });
	}
	return { outcome: old === undefined ? "added" : "grown", before };
}

/** Why, and what helps. */
type Objection = readonly [cause: string, help: string];

/** What was given out of the old one has to be right in the new one as well. */
function objectionToGrowth({ range, network }: Addition, old: AddressRange): Objection | undefined {
	const isGrowth = rangeContains(range, old.start) && rangeContains(range, old.end);
	if (isGrowth && sameAddress(old.gateway, range.gateway)) return undefined;
	const command = `cnictl ipam pool remove ${network.network} ${formatPrefix(range.subnet)}`;
	return [
		`it is there with other bounds, ${formatRange(old)} and gateway ${formatAddress(old.gateway)}`,
		`Give bounds that hold these, and this gateway; or \`${command}\` first`,
	];
}

function objectionOf(
	{ range, network, all, allowOverlap }: Addition,
	before: PoolKey | undefined,
): Objection | undefined {
	const { configured } = network;
	if (configured?.problem !== undefined) {
		return [`the network's own ranges are not understood: ${configured.problem}`, "Correct its configuration"];
	}
	const misfit = configured && objectionTo(range, { sets: configured.sets });
	if (misfit !== undefined)
		return [misfit, "Agents would not take addresses from it. Choose another subnet, or bounds"];
	const pools = network.added.filter((key) => key !== before).flatMap(({ pool }) => pool?.range ?? []);
	const twin = pools.find((pool) => rangesOverlap(pool, range));
	if (twin !== undefined) return [`it overlaps ${formatRange(twin)} of its pools`, "Choose another subnet, or bounds"];
	const own = [...(configured?.sets.flat() ?? []), ...pools];
	const [stolen] = own.flatMap((other) => gatewayWithin(range, other) ?? gatewayWithin(other, range) ?? []);
	if (stolen !== undefined) {
		return [
			`a container could get ${formatAddress(stolen)}, which is a gateway`,
			"Choose other bounds, or the same --gateway for all ranges of a subnet",
		];
	}
	return allowOverlap ? undefined : meeting({ range, network, all });
}

/** The gateway of a range that another would hand out. */
function gatewayWithin({ gateway }: AddressRange, other: AddressRange): IpAddress | undefined {
	return rangeContains(other, gateway) && !sameAddress(other.gateway, gateway) ? gateway : undefined;
}

/** Another network of the cluster has these addresses as well. */
function meeting({ range, network, all }: Pick<Addition, "range" | "network" | "all">): Objection | undefined {
	for (const other of all) {
		if (other === network || other.cluster !== network.cluster) continue;
		const pools = other.added.flatMap(({ pool }) => pool?.range ?? []);
		const found = [...(other.configured?.sets.flat() ?? []), ...pools].find((each) => rangesOverlap(each, range));
		if (found === undefined) continue;
		return [
			`it overlaps ${formatRange(found)} of network ${quoteText(other.network)}`,
			"Choose another subnet, or --allow-overlap where containers of the two never meet",
		];
	}
	return undefined;
}
