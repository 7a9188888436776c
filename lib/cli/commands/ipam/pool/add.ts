import { Command } from "commander";
import { CniError, ErrorCode } from "../../../../cni/error.ts";
import { quoteText } from "../../../../cni/quote-text.ts";
import { validateNetworkName } from "../../../../cni/validate.ts";
import { formatAddress, formatPrefix } from "../../../../ip/address.ts";
import { putPool } from "../../../../ipam/etcd-store/change-pools.ts";
import { layoutOf } from "../../../../ipam/etcd-store/layout.ts";
import { type AddressRange, formatRange, parseRange, rangeSize } from "../../../../ipam/range.ts";
import { writeStdout } from "../../../../linux/stdio.ts";
import { clusterGateway } from "../../../ipam/cluster-gateway.ts";
import { type CommonOptions, queryOf, withCommonOptions } from "../../../ipam/common-options.ts";
import { holderText } from "../../../ipam/pool/holder-text.ts";
import { type Addition, type JudgedAddition, judgeAddition } from "../../../ipam/pool/judge-addition.ts";
import { readNetworks, requireNetwork } from "../../../ipam/pool/read-networks.ts";
import { countText } from "../../../ipam/show-text.ts";
import { plainJson } from "../../../plain-text.ts";

interface Options extends CommonOptions {
	readonly rangeStart?: string;
	readonly rangeEnd?: string;
	readonly gateway?: string;
	readonly allowOverlap?: boolean;
}

/** `cnictl ipam pool add NETWORK SUBNET` */
export function ipamPoolAddCommand(): Command {
	return withCommonOptions(new Command("add"))
		.description(
			"Adds addresses to a network for all agents of the cluster, whose configurations stay as they are: agents take " +
				"from it when what they know of is used up. A pool that is there already can be given wider bounds.",
		)
		.argument("<network>", "name of the network")
		.argument("<subnet>", "a prefix, such as 10.90.0.0/16")
		.option("--range-start <address>", "the first address to give (default: the one after the subnet's)")
		.option("--range-end <address>", "the last address to give (default: the last one of the subnet)")
		.option("--gateway <address>", "the gateway of its containers (default: the address after the subnet's)")
		.option("--allow-overlap", "also where another network has addresses of it")
		.addHelpText("after", "\nExample:\n  cnictl ipam pool add mynet 10.90.0.0/16")
		.action((network: string, subnet: string, options: Options) => add(network, subnet, options));
}

async function add(name: string, subnet: string, options: Options): Promise<void> {
	validateNetworkName(name);
	const task = `add pool ${quoteText(subnet)} to network "${name}"`;
	const range = rangeOf({ subnet, ...options }, task);
	const { networks: all, blind } = await readNetworks(queryOf(options, []));
	const network = requireNetwork({ networks: all, blind }, { name, task });
	const addition = { range, network, all, allowOverlap: options.allowOverlap ?? false, task };
	const judged = judgeAddition(addition);
	if (judged.outcome !== "present") await put(addition, judged);
	writeStdout(options.json ? plainJson(toJson(addition, judged)) : sentence(addition, judged));
}

function rangeOf({ subnet, rangeStart, rangeEnd, gateway }: Options & { readonly subnet: string }, task: string) {
	let range: AddressRange;
	try {
		range = parseRange({ subnet, rangeStart, rangeEnd, gateway });
	} catch (thrown) {
		if (thrown instanceof CniError) throw refusal(`Cannot ${task}: ${thrown.message}`, thrown.details);
		throw thrown;
	}
	if (range.gateway.family === range.start.family) return range;
	throw refusal(`Cannot ${task}: its gateway "${gateway}" is of the other family`, "Give an address of the subnet");
}

async function put({ range, network, task }: Addition, { before }: JudgedAddition): Promise<void> {
	const { via, prefix } = network.cluster;
	const place = { gateway: clusterGateway(via), layout: layoutOf(prefix, network.network) };
	const done = await putPool(place, { range, before: before?.kv });
	if (done.kind === "held") {
		throw refusal(`Cannot ${task}: its gateway is held, ${holderText(done.holder)}`, "Choose another by --gateway");
	}
	if (done.kind === "changed") throw refusal(`Cannot ${task}: somebody has changed it in this moment`, "Look again");
}

function sentence({ range, network: { network, configured } }: Addition, { outcome }: JudgedAddition): string {
	const size = countText(rangeSize(range));
	const pool = `${formatPrefix(range.subnet)}, ${size} addresses from ${formatRange(range)} with gateway ${formatAddress(range.gateway)}`;
	const said = {
		added: `added to ${network}: ${pool}`,
		grown: `grown in ${network}: ${pool}`,
		present: `${network} has it already: ${pool}`,
	};
	const remark = configured === undefined ? ". The network is not configured here: its own ranges were not seen" : "";
	return `${said[outcome]}${remark}\n`;
}

function toJson({ range, network }: Addition, { outcome }: JudgedAddition): Record<string, unknown> {
	return {
		network: network.network,
		outcome,
		subnet: formatPrefix(range.subnet),
		start: formatAddress(range.start),
		end: formatAddress(range.end),
		gateway: formatAddress(range.gateway),
		size: String(rangeSize(range)),
		configured: network.configured !== undefined,
	};
}

function refusal(message: string, details: string): CniError {
	return new CniError(ErrorCode.invalidNetworkConfig, message, { details });
}
