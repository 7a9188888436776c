import { CniError, ErrorCode } from "../cni/error.ts";
import { shownWord } from "../cni/quote-text.ts";
import {
	bitsOf,
	compareAddresses,
	formatAddress,
	formatPrefix,
	type IpAddress,
	type IpPrefix,
	lastAddressOf,
	networkOf,
	parseAddress,
	parsePrefix,
	prefixContains,
	samePrefix,
} from "../ip/address.ts";

/** Addresses from `start` to `end`, both included, of one subnet; `gateway` is never handed out. */
export interface AddressRange {
	/** Its address is the network's, its length is what results carry. */
	readonly subnet: IpPrefix;
	readonly start: IpAddress;
	readonly end: IpAddress;
	/** Need not lie in the subnet. */
	readonly gateway: IpAddress;
}

/** A range as configurations write it; an empty text is the same as an absent one. */
export interface RangeText {
	readonly subnet?: string | undefined;
	readonly rangeStart?: string | undefined;
	readonly rangeEnd?: string | undefined;
	readonly gateway?: string | undefined;
}

/**
 * Parses a range and fills in what is absent: start and gateway are the first address after the network's, the end
 * is the last one (before the broadcast address in IPv4).
 * @throws CniError code 7
 */
export function parseRange({ subnet: subnetText, rangeStart, rangeEnd, gateway }: RangeText): AddressRange {
	const subnet = parseSubnet(subnetText);
	const { family } = subnet.address;
	const first = { family, value: subnet.address.value + 1n };
	const last = lastAddressOf(subnet);
	const start = optionalAddress(rangeStart);
	const end = optionalAddress(rangeEnd);
	const range: AddressRange = {
		subnet,
		gateway: optionalAddress(gateway) ?? first,
		start: start ?? first,
		end: end ?? (family === 4 ? { family, value: last.value - 1n } : last),
	};
	if (start !== undefined && !(prefixContains(subnet, start) && (end === undefined || notAfter(start, end)))) {
		throw invalid(`RangeStart ${formatAddress(start)} not in network ${formatPrefix(subnet)}`);
	}
	if (end !== undefined && !(prefixContains(subnet, end) && rangeContains(range, end))) {
		throw invalid(`RangeEnd ${formatAddress(end)} not in network ${formatPrefix(subnet)}`);
	}
	return range;
}

/** Whether the address lies between start and end; the gateway does too. */
export function rangeContains({ start, end }: AddressRange, address: IpAddress): boolean {
	return address.family === start.family && address.value >= start.value && address.value <= end.value;
}

/** Whether an address lies in both; the same subnet with disjoint starts and ends does not overlap. */
export function rangesOverlap(a: AddressRange, b: AddressRange): boolean {
	return rangeContains(a, b.start) || rangeContains(b, a.start);
}

/** How many addresses of the range can be handed out. */
export function rangeSize(range: AddressRange): bigint {
	const size = range.end.value - range.start.value + 1n;
	return rangeContains(range, range.gateway) ? size - 1n : size;
}

/** `<start>-<end>`. */
export function formatRange({ start, end }: AddressRange): string {
	return `${formatAddress(start)}-${formatAddress(end)}`;
}

/** An address of a configuration; undefined when absent or empty. @throws CniError code 7 */
export function optionalAddress(text: string | undefined): IpAddress | undefined {
	if (text === undefined || text === "") return undefined;
	const address = parseAddress(text);
	if (address === undefined) throw invalid(`invalid IP address: ${shownWord(text)}`);
	return address;
}

/** A prefix of a configuration, host bits kept. @throws CniError code 7 */
export function requiredPrefix(text: string): IpPrefix {
	const prefix = parsePrefix(text);
	if (prefix === undefined) throw invalid(`invalid CIDR address: ${shownWord(text)}`);
	return prefix;
}

function parseSubnet(text: string | undefined): IpPrefix {
	if (text === undefined || text === "") {
		throw invalid("IP <nil> not v4 nor v6", `Each range needs a "subnet", such as "10.1.0.0/16".`);
	}
	const prefix = requiredPrefix(text);
	const { family } = prefix.address;
	// Text with colons that is an IPv4 address: an IPv4-mapped one, whose mask has 128 bits.
	if (family === 4 && text.includes(":")) throw invalid("IPNet IP and Mask version mismatch");
	if (prefix.length > bitsOf(family) - 2) throw invalid(`Network ${formatPrefix(prefix)} too small to allocate from`);
	const network = networkOf(prefix);
	if (!samePrefix(network, prefix)) {
		const address = formatAddress(network.address);
		throw invalid(
			`Network has host bits set. For a subnet mask of length ${prefix.length} the network address is ${address}`,
		);
	}
	return network;
}

/** Addresses of two families are not compared: the end's own check refuses it. */
function notAfter(start: IpAddress, end: IpAddress): boolean {
	return start.family !== end.family || compareAddresses(start, end) <= 0;
}

function invalid(msg: string, details = ""): CniError {
	return new CniError(ErrorCode.invalidNetworkConfig, msg, { details });
}
