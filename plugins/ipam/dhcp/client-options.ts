import { CniError, ErrorCode } from "../../../lib/cni/error.ts";
import { Option, type Options, optionCode, optionNames } from "../../../lib/dhcp/options.ts";
import { encodeUtf8 } from "../../../lib/linux/utf8.ts";
import type { DhcpConfig } from "./config.ts";

/** What the client takes, as the packet socket could receive more than a server may send unasked. */
const maximumMessageSize = 1500;

/** Asked for unless `skipDefault` says otherwise. */
const defaultRequests: readonly number[] = [Option.routers, Option.subnetMask];
/** Asked for when nothing else is: with an empty list, a server may send anything. */
const leastRequests: readonly number[] = [
	Option.subnetMask,
	Option.routers,
	Option.domainName,
	Option.domainNameServers,
];

/** They make a message what it is. */
const ownOptions: readonly number[] = [
	Option.pad,
	Option.overload,
	Option.messageType,
	Option.serverIdentifier,
	Option.end,
];

/**
 * The options that a client of this configuration sends, as the reference sends them.
 *
 * @throws CniError code 7 for an option that there is not, or whose value is too long
 */
export function clientOptions(
	{ ipam }: DhcpConfig,
	{ args, clientId }: { args: string; clientId: Uint8Array },
): Options {
	return new Map([
		[Option.parameterRequestList, requestList(ipam?.request ?? [])],
		[Option.maximumMessageSize, new Uint8Array([maximumMessageSize >> 8, maximumMessageSize & 255])],
		[Option.clientIdentifier, new Uint8Array([0, ...clientId])],
		...providedOptions(ipam?.provide ?? [], leniently(args)),
	]);
}

/** The reference's id of an attachment, which has to stay the same: by it servers know who has an address. */
export function clientIdOf(attachment: { containerId: string; network: string; ifName: string }): Uint8Array {
	const { containerId, network, ifName } = attachment;
	return encodeUtf8(`${containerId}/${network}/${ifName}`).slice(0, 254);
}

type Ipam = NonNullable<DhcpConfig["ipam"]>;

function requestList(requests: NonNullable<Ipam["request"]>): Uint8Array {
	const named = requests.filter(({ option }) => option !== "").map(({ option }) => codeOf(option));
	const skipDefault = requests.some((entry) => entry.skipDefault);
	const codes = [...named, ...(skipDefault ? [] : defaultRequests)];
	return new Uint8Array(new Set(codes.length === 0 ? leastRequests : codes));
}

function providedOptions(
	entries: NonNullable<Ipam["provide"]>,
	args: ReadonlyMap<string, string>,
): ReadonlyMap<number, Uint8Array> {
	const provided = new Map<number, Uint8Array>();
	for (const { option, value, fromArg } of entries) {
		const code = codeOf(option);
		if (ownOptions.includes(code)) throw invalid(`Cannot provide option "${option}": the client sets it itself`);
		if (value !== "") provided.set(code, boundedValue(value, { option, from: "" }));
		const given = args.get(fromArg);
		if (given !== undefined) provided.set(code, boundedValue(given, { option, from: ` from CNI_ARGS "${fromArg}"` }));
	}
	return provided;
}

function codeOf(option: string): number {
	const code = optionCode(option);
	if (code !== undefined) return code;
	throw invalid(`Can not parse option "${option}"`, `Options are numbers up to 255, or ${optionNames.join(", ")}`);
}

function boundedValue(value: string, { option, from }: { option: string; from: string }): Uint8Array {
	const bytes = encodeUtf8(value);
	if (bytes.byteLength <= 255) return bytes;
	throw invalid(`value too long for option "${option}"${from}: "${value}"`, "An option has room for 255 bytes");
}

/** CNI_ARGS, of which any key may be named in `fromArg`, and none is wrong. */
function leniently(args: string): ReadonlyMap<string, string> {
	const pairs = args.split(";").map((pair) => [pair.split("=", 1)[0] ?? "", pair] as const);
	return new Map(pairs.filter(([key, pair]) => pair !== key).map(([key, pair]) => [key, pair.slice(key.length + 1)]));
}

function invalid(message: string, details = ""): CniError {
	return new CniError(ErrorCode.invalidNetworkConfig, message, { details });
}
