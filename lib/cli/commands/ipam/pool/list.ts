import { Command } from "commander";
import { given } from "../../../../cni/given.ts";
import { formatAddress, formatPrefix } from "../../../../ip/address.ts";
import { countRange, type PoolCount } from "../../../../ipam/etcd-store/pools.ts";
import { formatRange } from "../../../../ipam/range.ts";
import { formatRangeSet } from "../../../../ipam/range-set.ts";
import { writeStdout } from "../../../../linux/stdio.ts";
import { formatTable } from "../../../format-table.ts";
import { clusterGateway } from "../../../ipam/cluster-gateway.ts";
import {
	type CommonOptions,
	isAllSeen,
	queryOf,
	reportBlind,
	withCommonOptions,
} from "../../../ipam/common-options.ts";
import { type JudgedPool, judgePools } from "../../../ipam/pool/judge-pools.ts";
import { readNetworks, type StoredNetwork } from "../../../ipam/pool/read-networks.ts";
import { plainJson, plainLine, plainText } from "../../../plain-text.ts";

/** `cnictl ipam pool list` */
export function ipamPoolListCommand(): Command {
	return withCommonOptions(new Command("list"))
		.description(
			"Lists the networks of which etcd has anything, whether they are configured here or not, and their pools.",
		)
		.addHelpText("after", "\nExample:\n  cnictl ipam pool list")
		.action(async (options: CommonOptions) => {
			const { networks, blind } = await readNetworks(queryOf(options, []));
			const listed: ListedNetwork[] = [];
			for (const network of networks) listed.push({ network, pools: await listPools(network) });
			if (options.json) writeStdout(plainJson({ pools: listed.map(toJson), notSeen: blind }));
			else if (isAllSeen(listed, blind)) writeStdout(textOf(listed));
			reportBlind(blind);
		});
}

interface ListedNetwork {
	readonly network: StoredNetwork;
	readonly pools: readonly ListedPool[];
}

interface ListedPool extends JudgedPool {
	/** Undefined where it cannot be understood. */
	readonly count: Pick<PoolCount, "held" | "resting" | "blocks"> | undefined;
}

async function listPools(stored: StoredNetwork): Promise<readonly ListedPool[]> {
	const { network, cluster, configured = cluster.via } = stored;
	const place = { prefix: cluster.prefix, network, lengths: configured.place.blockLengths };
	const listed: ListedPool[] = [];
	for (const each of judgePools(stored)) {
		const range = each.pool?.range;
		const count = range && (await countRange(clusterGateway(cluster.via), { ...place, range }));
		listed.push({ ...each, count });
	}
	return listed;
}

function textOf(listed: readonly ListedNetwork[]): string {
	if (listed.length === 0) return "No network here takes its addresses from a cluster, and etcd has none\n";
	const rows = listed.map(({ network: { network, held, resting, blocks, configured, cluster } }) => [
		plainText(network),
		String(held),
		String(resting),
		String(blocks),
		configured === undefined ? "not configured here" : configured.sets.map(formatRangeSet).join(" ") || "unknown",
		plainText(cluster.prefix),
		cluster.endpoints.map(plainText).join(","),
	]);
	const added = listed.flatMap(({ network, pools }) => pools.map((pool) => poolRow(network, pool)));
	const parts = [
		[["NETWORK", "HELD", "RESTING", "BLOCKS", "RANGES", "PREFIX", "ENDPOINTS"], ...rows],
		...(added.length === 0
			? []
			: [[["NETWORK", "ADDED POOL", "RANGE", "GATEWAY", "HELD", "RESTING", "BLOCKS", "STATE"], ...added]]),
	];
	return parts.map(formatTable).join("\n");
}

function poolRow({ network, configured }: StoredNetwork, { key, pool, objection, count }: ListedPool): string[] {
	const state = configured === undefined ? "not configured here" : "in use";
	return [
		plainText(network),
		subnetText(key),
		pool === undefined ? "-" : formatRange(pool.range),
		pool === undefined ? "-" : formatAddress(pool.range.gateway),
		...[count?.held, count?.resting, count?.blocks].map((each) => String(each ?? "-")),
		objection === undefined ? state : plainLine(`not used: ${objection}`),
	];
}

function subnetText({ subnet, kv }: ListedPool["key"]): string {
	return subnet === undefined ? plainText(kv.key.slice(kv.key.lastIndexOf("/") + 1)) : formatPrefix(subnet);
}

function toJson({ network: stored, pools }: ListedNetwork): Record<string, unknown> {
	const { network, held, resting, blocks, configured, cluster } = stored;
	const { prefix, endpoints } = cluster;
	return {
		network,
		held,
		resting,
		blocks,
		configured: configured !== undefined,
		ranges: configured?.sets.map(formatRangeSet) ?? [],
		added: pools.map(poolToJson),
		prefix,
		endpoints,
	};
}

function poolToJson({ key, pool, objection, count }: ListedPool): Record<string, unknown> {
	const { start, end, gateway } = pool?.range ?? {};
	return {
		subnet: subnetText(key),
		...given("start", start && formatAddress(start)),
		...given("end", end && formatAddress(end)),
		...given("gateway", gateway && formatAddress(gateway)),
		...count,
		...given("notUsed", objection),
	};
}
