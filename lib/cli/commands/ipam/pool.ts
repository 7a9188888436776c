import { Command } from "commander";
import { CniError, ErrorCode, errorText } from "../../../cni/error.ts";
import { validateNetworkName } from "../../../cni/validate.ts";
import { countPools, type PoolCount, removePool } from "../../../ipam/etcd-store/pools.ts";
import { formatRangeSet } from "../../../ipam/range-set.ts";
import { writeStdout } from "../../../linux/stdio.ts";
import { formatTable } from "../../format-table.ts";
import { clusterGateway } from "../../ipam/cluster-gateway.ts";
import { type Cluster, clustersOf } from "../../ipam/clusters.ts";
import { type CommonOptions, queryOf, reportBlind, withCommonOptions } from "../../ipam/common-options.ts";
import { chooseNetworks } from "../../ipam/read-plans.ts";
import { plainJson, plainText } from "../../plain-text.ts";

/** `cnictl ipam pool` */
export function ipamPoolCommand(): Command {
	const command = new Command("pool").description(
		"Lists what etcd has of each network of a cluster, and removes what it has of one that nobody uses any more. " +
			"A pool is added by the ranges of a network's configuration.",
	);
	for (const subcommand of [listCommand(), removeCommand()]) command.addCommand(subcommand.exitOverride());
	return command;
}

/** `cnictl ipam pool list` */
function listCommand(): Command {
	return withCommonOptions(new Command("list"))
		.description("Lists the networks of which etcd has anything, whether they are configured here or not.")
		.addHelpText("after", "\nExample:\n  cnictl ipam pool list")
		.action(async (options: CommonOptions) => {
			const { pools, blind } = await readPools(options);
			writeStdout(options.json ? plainJson({ pools: pools.map(toJson), notSeen: blind }) : textOf(pools));
			reportBlind(blind);
		});
}

/** `cnictl ipam pool remove NETWORK` */
function removeCommand(): Command {
	return withCommonOptions(new Command("remove"))
		.description("Removes the blocks of a network and whatever else etcd has of it, when no address of it is held.")
		.argument("<network>", "name of the network")
		.addHelpText("after", "\nExample:\n  cnictl ipam pool remove mynet")
		.action(remove);
}

interface Pool extends PoolCount {
	readonly cluster: Cluster;
	/** Undefined where it is not configured here. */
	readonly ranges: readonly string[] | undefined;
}

async function readPools(
	options: CommonOptions,
): Promise<{ readonly pools: readonly Pool[]; readonly blind: string[] }> {
	const { networks, blind: before } = chooseNetworks(queryOf(options, []));
	const blind = [...before];
	const pools: Pool[] = [];
	for (const cluster of clustersOf(networks)) {
		try {
			const counts = await countPools(clusterGateway(cluster.via), cluster.prefix);
			pools.push(...counts.map((count) => ({ ...count, cluster, ranges: rangesOf(cluster, count.network) })));
			const unused = cluster.networks.filter(({ name }) => !counts.some(({ network }) => network === name));
			for (const { name: network } of unused) {
				pools.push({ network, held: 0, resting: 0, blocks: 0, cluster, ranges: rangesOf(cluster, network) });
			}
		} catch (thrown) {
			blind.push(`the cluster of network "${cluster.via.name}": ${errorText(thrown)}`);
		}
	}
	return { pools, blind };
}

function rangesOf({ networks }: Cluster, network: string): readonly string[] | undefined {
	return networks.find(({ name }) => name === network)?.sets.map(formatRangeSet);
}

function textOf(pools: readonly Pool[]): string {
	if (pools.length === 0) return "No network here takes its addresses from a cluster, and etcd has none\n";
	const rows = pools.map(({ network, held, resting, blocks, ranges, cluster }) => [
		plainText(network),
		String(held),
		String(resting),
		String(blocks),
		ranges === undefined ? "not configured here" : ranges.join(" ") || "unknown",
		plainText(cluster.prefix),
		cluster.endpoints.map(plainText).join(","),
	]);
	return formatTable([["NETWORK", "HELD", "RESTING", "BLOCKS", "RANGES", "PREFIX", "ENDPOINTS"], ...rows]);
}

function toJson({ network, held, resting, blocks, ranges, cluster }: Pool): Record<string, unknown> {
	const { prefix, endpoints } = cluster;
	return { network, held, resting, blocks, configured: ranges !== undefined, ranges: ranges ?? [], prefix, endpoints };
}

async function remove(network: string, options: CommonOptions): Promise<void> {
	validateNetworkName(network);
	const { pools, blind } = await readPools(options);
	const [pool, other] = pools.filter((each) => each.network === network);
	if (pool === undefined || other !== undefined) {
		const cause = pool === undefined ? "etcd has nothing of it" : "several clusters have a network of this name";
		throw new CniError(ErrorCode.invalidNetworkConfig, `Cannot remove pool "${network}": ${cause}`, {
			details: [
				pool === undefined
					? "Clusters are found by the networks in NETCONFPATH"
					: "Let NETCONFPATH name a directory with configurations of one of them",
				...blind,
			].join(". "),
		});
	}
	const { prefix, via } = pool.cluster;
	if (!(await removePool(clusterGateway(via), { prefix, network }))) {
		throw new CniError(ErrorCode.invalidNetworkConfig, `Cannot remove pool "${network}": addresses of it are held`, {
			details: `${pool.held} of them. DEL their containers, or see \`cnictl ipam check ${network}\` and \`cnictl ipam release\``,
		});
	}
	const { resting, blocks, ranges } = pool;
	const sentence = `removed ${blocks} ${blocks === 1 ? "block" : "blocks"} and ${resting} resting ${resting === 1 ? "address" : "addresses"} of ${network}`;
	const again = ranges === undefined ? "" : ". It is configured here: the next ADD takes blocks anew";
	writeStdout(
		options.json ? plainJson({ network, blocks, resting, configured: ranges !== undefined }) : `${sentence}${again}\n`,
	);
}
