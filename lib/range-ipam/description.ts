import { parseArgs } from "../cni/args.ts";
import { CniError, ErrorCode } from "../cni/error.ts";
import type { ResultRoute } from "../cni/result.ts";
import type { SpecVersion } from "../cni/version.ts";
import { type Family, type IpAddress, parseAddress, parsePrefix } from "../ip/address.ts";
import { requireOneOfFamily } from "../ipam/one-of-family.ts";
import type { RangeText } from "../ipam/range.ts";
import { familyOf, formatRangeSet, parseRangeSet, type RangeSet, setsOverlap } from "../ipam/range-set.ts";
import { parseRoute } from "../ipam/route.ts";
import type { Tags } from "../ipam/tags.ts";
import { mesosKey, networkInfoOf } from "../mesos/network-info.ts";
import type { RangeConfig, RangeSetsText } from "./config.ts";

/** What the network hands out. */
export interface Pools {
	/** Each gives one address; their order is that of the result and of the cursor files. */
	readonly sets: readonly RangeSet[];
	/** The first of them that the configuration has itself; the caller asks for those before it. */
	readonly firstOwn: number;
	readonly routes: readonly ResultRoute[];
}

/** @throws CniError code 7, in the texts of the reference */
export function describePools(config: RangeConfig, cniVersion: SpecVersion): Pools {
	const ipam = requireIpam(config);
	const wanted = rangeSetTexts(config.runtimeConfig?.ipRanges);
	const texts = [...wanted, ...legacyRange(ipam), ...rangeSetTexts(ipam.ranges)];
	if (texts.length === 0) {
		throw invalid("no IP ranges specified", `Set "ipam.ranges", such as [[{"subnet": "10.1.0.0/16"}]]`);
	}
	if ((ipam.cooldown ?? 0) < 0) {
		throw invalid(`Cannot use "ipam.cooldown" ${ipam.cooldown}: it is negative`, "Give seconds, 0 for none");
	}
	const sets = texts.map((set, index) => inSet(index, () => parseRangeSet(set)));
	requireOneOfFamily(sets.map(familyOf), { cniVersion, remedy: "leave one range set for each family" });
	refuseOverlap(sets);
	return { sets, firstOwn: wanted.length, routes: (ipam.routes ?? []).map(parseRoute) };
}

/** What is asked of the network for one attachment. Tenants write it. */
export interface Wanted {
	/** In the order of precedence: CNI_ARGS `IP`, `args.cni.ips`, `runtimeConfig.ips`, Mesos's. */
	readonly requested: readonly IpAddress[];
	/** The only families to give addresses of; undefined for all. */
	readonly only: readonly Family[] | undefined;
	/** Families that must be there. */
	readonly required: readonly Family[];
	readonly tags: Tags;
}

/** @throws CniError code 4 for CNI_ARGS, 7 for the others */
export function describeWanted(config: RangeConfig, args: string): Wanted {
	requireIpam(config);
	const ip = parseArgs(args, ["IP"]).get("IP") ?? "";
	const texts = [...(config.args?.cni?.ips ?? []), ...(config.runtimeConfig?.ips ?? [])];
	const { addresses, tags } = networkInfoOf(config.args?.[mesosKey]);
	const { only, required } = addresses;
	const requested = [
		...(ip === "" ? [] : [requestedByArgs(ip)]),
		...texts.map(requestedByConfig),
		...addresses.requested,
	];
	return { requested, only, required, tags };
}

/** @throws CniError code 7 when the network has no addresses of a required family */
export function requireFamilies(sets: readonly RangeSet[], required: readonly Family[]): void {
	for (const family of required) {
		if (sets.some((set) => familyOf(set) === family)) continue;
		throw invalid(
			`Cannot give an IPv${family} address: the network has none`,
			`The framework asks for one in "ip_addresses" of its NetworkInfo. Ranges here: ${sets.map(formatRangeSet).join("; ")}`,
		);
	}
}

type IpamConfig = NonNullable<RangeConfig["ipam"]>;

function requireIpam({ ipam }: RangeConfig): IpamConfig {
	if (ipam === undefined) throw invalid("IPAM config missing 'ipam' key");
	return ipam;
}

function rangeSetTexts(sets: RangeSetsText): readonly (readonly RangeText[])[] {
	return (sets ?? []).map((set) => (set ?? []).map((range) => range ?? {}));
}

/** One range beside `ranges`; without a subnet, what belongs to it is not looked at. */
function legacyRange({ subnet, rangeStart, rangeEnd, gateway }: IpamConfig) {
	return subnet === undefined || subnet === "" ? [] : [[{ subnet, rangeStart, rangeEnd, gateway }]];
}

function inSet<T>(index: number, parse: () => T): T {
	try {
		return parse();
	} catch (thrown) {
		if (!(thrown instanceof CniError)) throw thrown;
		throw invalid(`invalid range set ${index}: ${thrown.message}`, thrown.details);
	}
}

function refuseOverlap(sets: readonly RangeSet[]): void {
	for (const [index, set] of sets.entries()) {
		const other = sets.findIndex((later, at) => at > index && setsOverlap(set, later));
		if (other >= 0) throw invalid(`range set ${index} overlaps with ${other}`);
	}
}

function requestedByArgs(text: string): IpAddress {
	const address = parseRequested(text);
	if (address !== undefined) return address;
	const reason = `invalid IP address ${text}`;
	throw new CniError(ErrorCode.invalidEnvironment, `ARGS: error parsing value of pair "IP=${text}": ${reason}`);
}

function requestedByConfig(text: string | undefined): IpAddress {
	if (text === undefined || text === "") throw invalid("cannot understand ip: IP <nil> not v4 nor v6");
	const address = parseRequested(text);
	if (address === undefined) throw invalid(`invalid IP address ${text}`);
	return address;
}

/** `IP` or `IP/prefix`. */
function parseRequested(text: string): IpAddress | undefined {
	return text.includes("/") ? parsePrefix(text)?.address : parseAddress(text);
}

function invalid(msg: string, details = ""): CniError {
	return new CniError(ErrorCode.invalidNetworkConfig, msg, { details });
}
