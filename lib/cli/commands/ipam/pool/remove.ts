import { Command } from "commander";
import { CniError, ErrorCode } from "../../../../cni/error.ts";
import { quoteText } from "../../../../cni/quote-text.ts";
import { validateNetworkName } from "../../../../cni/validate.ts";
import { formatPrefix, type IpPrefix, networkOf, parsePrefix, samePrefix } from "../../../../ip/address.ts";
import { removePoolKey } from "../../../../ipam/etcd-store/change-pools.ts";
import { layoutOf } from "../../../../ipam/etcd-store/layout.ts";
import { removePool } from "../../../../ipam/etcd-store/pools.ts";
import { type AddressRange, rangeContains } from "../../../../ipam/range.ts";
import { writeStdout } from "../../../../linux/stdio.ts";
import { clusterGateway } from "../../../ipam/cluster-gateway.ts";
import { type CommonOptions, queryOf, withCommonOptions } from "../../../ipam/common-options.ts";
import { holderText } from "../../../ipam/pool/holder-text.ts";
import { readNetworks, requireNetwork, type StoredNetwork } from "../../../ipam/pool/read-networks.ts";
import { plainJson } from "../../../plain-text.ts";

/** `cnictl ipam pool remove NETWORK [SUBNET]` */
export function ipamPoolRemoveCommand(): Command {
	return withCommonOptions(new Command("remove"))
		.description(
			"Removes a pool that was added to a network, when no address of it is held. Without a subnet, all that etcd has of " +
				"the network: its blocks, its pools and whatever else, when no address of the network is held.",
		)
		.argument("<network>", "name of the network")
		.argument("[subnet]", "that of the pool, such as 10.90.0.0/16")
		.addHelpText("after", "\nExample:\n  cnictl ipam pool remove mynet 10.90.0.0/16")
		.action(remove);
}

async function remove(name: string, subnet: string | undefined, options: CommonOptions): Promise<void> {
	validateNetworkName(name);
	const task = subnet === undefined ? `remove pool "${name}"` : `remove pool ${quoteText(subnet)} of network "${name}"`;
	const prefix = subnet === undefined ? undefined : subnetOf(subnet, task);
	const network = requireNetwork(await readNetworks(queryOf(options, [])), { name, task });
	if (prefix === undefined) await removeAll(network, { task, options });
	else await removeOne(network, { subnet: prefix, task, options });
}

interface Removal {
	/** What cannot be done otherwise. */
	readonly task: string;
	readonly options: CommonOptions;
}

function subnetOf(text: string, task: string): IpPrefix {
	const prefix = parsePrefix(text);
	if (prefix === undefined) throw refusal(`Cannot ${task}: invalid CIDR address`, "Write it as `pool list` does");
	return networkOf(prefix);
}

async function removeOne(
	{ network, added, cluster, configured }: StoredNetwork,
	{ subnet, task, options }: Removal & { readonly subnet: IpPrefix },
): Promise<void> {
	const key = added.find((each) => each.subnet !== undefined && samePrefix(each.subnet, subnet));
	if (key === undefined) {
		const known = added.flatMap((each) => (each.subnet === undefined ? [] : [formatPrefix(each.subnet)]));
		throw refusal(
			`Cannot ${task}: it was not added, or has been removed`,
			`Added pools: ${known.join(", ") || "none"}. Ranges of configurations are removed there, on every agent`,
		);
	}
	const place = { gateway: clusterGateway(cluster.via), layout: layoutOf(cluster.prefix, network) };
	const isConfigured = configured?.sets.flat().some((range) => key.pool && isWithin(key.pool.range, range)) ?? false;
	// Its addresses are the configuration's then: no agent with it takes any from the pool.
	const removal = await removePoolKey(place, isConfigured ? { ...key, pool: undefined } : key);
	if (removal.kind === "changed") throw refusal(`Cannot ${task}: somebody has changed it in this moment`, "Look again");
	if (removal.kind === "held") {
		const { count, some } = removal;
		const more = count > some.length ? `, and ${count - some.length} more` : "";
		throw refusal(
			`Cannot ${task}: addresses of it are held`,
			`${count} of them: ${some.map(holderText).join(", ")}${more}. DEL their containers, or see \`cnictl ipam check ${network}\` and \`cnictl ipam release\``,
		);
	}
	const { blocks, resting } = removal;
	const what = isConfigured
		? "whose configuration has these addresses"
		: `with ${counted(blocks, "block", "blocks")} and ${counted(resting, "resting address", "resting addresses")}`;
	const text = `removed ${formatPrefix(subnet)} of ${network}, ${what}\n`;
	const json = { network, subnet: formatPrefix(subnet), blocks, resting, configured: isConfigured };
	writeStdout(options.json ? plainJson(json) : text);
}

function isWithin(range: AddressRange, other: AddressRange): boolean {
	return rangeContains(other, range.start) && rangeContains(other, range.end);
}

async function removeAll(stored: StoredNetwork, { task, options }: Removal): Promise<void> {
	const { network, held, blocks, resting, added, configured, cluster } = stored;
	if (!(await removePool(clusterGateway(cluster.via), { prefix: cluster.prefix, network }))) {
		throw refusal(
			`Cannot ${task}: addresses of it are held`,
			`${held} of them. DEL their containers, or see \`cnictl ipam check ${network}\` and \`cnictl ipam release\``,
		);
	}
	const pools = added.length === 0 ? "" : `${counted(added.length, "added pool", "added pools")}, `;
	const sentence = `removed ${pools}${counted(blocks, "block", "blocks")} and ${counted(resting, "resting address", "resting addresses")} of ${network}`;
	const again = configured === undefined ? "" : ". It is configured here: the next ADD takes blocks anew";
	const json = { network, blocks, resting, added: added.length, configured: configured !== undefined };
	writeStdout(options.json ? plainJson(json) : `${sentence}${again}\n`);
}

function counted(count: number, one: string, many: string): string {
	return `${count} ${count === 1 ? one : many}`;
}

function refusal(message: string, details: string): CniError {
	return new CniError(ErrorCode.invalidNetworkConfig, message, { details });
}
