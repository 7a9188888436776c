import { parseArgs } from "../../../lib/cni/args.ts";
import { dnsOf } from "../../../lib/cni/common-keys.ts";
import { CniError, ErrorCode } from "../../../lib/cni/error.ts";
import type { NetworkRequest } from "../../../lib/cni/plugin.ts";
import type { Result, ResultIp } from "../../../lib/cni/result.ts";
import { type IpPrefix, parseAddress, parsePrefix, prefixContains } from "../../../lib/ip/address.ts";
import { requireOneOfFamily } from "../../../lib/ipam/one-of-family.ts";
import { optionalAddress } from "../../../lib/ipam/range.ts";
import { parseRoute } from "../../../lib/ipam/route.ts";
import type { StaticConfig } from "./config.ts";

type Request = Pick<NetworkRequest<StaticConfig>, "config" | "cniVersion"> & { readonly args: string };

/**
 * The result that the configuration and the runtime ask for: ADD answers with it, CHECK looks for it. The last source
 * of these that has addresses counts: the configuration's together with CNI_ARGS', `args.cni.ips`, `runtimeConfig.ips`.
 *
 * @throws CniError code 7, or 4 for CNI_ARGS
 */
export function describeResult({ config, cniVersion, args }: Request): Result {
	const { ipam } = config;
	if (ipam === undefined) throw invalid("IPAM config missing 'ipam' key");
	const fromArgs = addressesOfArgs(args);
	const replaced = lastNonEmpty(
		(config.args?.cni?.ips ?? []).map(requestedIp),
		(config.runtimeConfig?.ips ?? []).map(requestedIp),
	);
	const gateways = (ipam.addresses ?? []).map(({ gateway }) => optionalAddress(gateway));
	const configured = () =>
		(ipam.addresses ?? []).map(({ address }, index): ResultIp => {
			const gateway = gateways[index];
			return {
				address: prefixOf(address, (text) =>
					invalid(`the 'address' field is expected to be in CIDR notation, got: '${text}'`, cidrHelp),
				),
				...(gateway === undefined ? {} : { gateway }),
			};
		});
	const ips = replaced ?? [...configured(), ...fromArgs];
	requireOneOfFamily(
		ips.map(({ address }) => address.address.family),
		{ cniVersion, remedy: "give one address of each family" },
	);
	return { interfaces: [], ips, routes: (ipam.routes ?? []).map(parseRoute), dns: dnsOf(ipam.dns) };
}

const cidrHelp = "Write the prefix length too: 10.1.0.5/16";

function lastNonEmpty(...lists: readonly (readonly ResultIp[])[]): readonly ResultIp[] | undefined {
	return lists.findLast((list) => list.length > 0);
}

function requestedIp(text: string): ResultIp {
	const refuse = () => invalid(`an entry in the 'ips' field is NOT in CIDR notation, got: '${text}'`, cidrHelp);
	return { address: prefixOf(text, refuse) };
}

/** `IP` and `GATEWAY`, lists with commas; a gateway is that of every address whose network it is in. */
function addressesOfArgs(args: string): readonly ResultIp[] {
	const values = parseArgs(args, ["IP", "GATEWAY"]);
	const addresses = itemsOf(values.get("IP")).map((item) =>
		prefixOf(item.trim(), () =>
			invalidArgs(`the 'ip' field is expected to be in CIDR notation, got: '${item}'`, cidrHelp),
		),
	);
	const gateways = itemsOf(values.get("GATEWAY")).map((item) => {
		const gateway = parseAddress(item.trim());
		if (gateway === undefined)
			throw invalidArgs(`invalid gateway address: ${item}`, "Give IP addresses without prefix length");
		return gateway;
	});
	return addresses.map((address) => {
		const gateway = gateways.findLast((candidate) => prefixContains(address, candidate));
		return { address, ...(gateway === undefined ? {} : { gateway }) };
	});
}

function itemsOf(text: string | undefined): readonly string[] {
	return text === undefined || text === "" ? [] : text.split(",");
}

function prefixOf(text: string, refuse: (text: string) => CniError): IpPrefix {
	const prefix = parsePrefix(text);
	if (prefix === undefined) throw refuse(text);
	return prefix;
}

function invalid(message: string, details = ""): CniError {
	return new CniError(ErrorCode.invalidNetworkConfig, message, { details });
}

function invalidArgs(message: string, details: string): CniError {
	return new CniError(ErrorCode.invalidEnvironment, message, { details });
}
