import { attachmentPrefix, attachmentTag } from "../../cni/attachment-tag.ts";
import {
	addressFromBytes,
	addressToBytes,
	bitsOf,
	defaultPrefix,
	type Family,
	formatAddress,
	type IpAddress,
	type IpPrefix,
	networkOf,
} from "../../ip/address.ts";
import { concatenate } from "../../netlink/nftables/data-type.ts";
import type { ElementName } from "../../netlink/nftables/element.ts";
import type { PlacedElement } from "../owned-elements.ts";
import {
	describePort,
	type HostPort,
	isConditional,
	type PortEntry,
	type PortMap,
	portEntries,
	protocolNumbers,
	protocols,
} from "../port-map-backend.ts";
import {
	addressSet,
	conditionsChain,
	localhost4,
	masqueradeSet,
	type NetworkSize,
	parseMasqueradeSet,
	portSet,
	table,
} from "./layout.ts";

/** The elements of an attachment's port maps, all with its tag. */
export function elementsOf(portMap: PortMap): readonly PlacedElement[] {
	const comment = attachmentTag(portMap.attachment);
	return [...portEntries(portMap).map((entry) => portElement(portMap, entry)), ...masqueradeElements(portMap)].map(
		(element) => ({ ...element, comment }),
	);
}

/** The host addresses that specific ports are mapped at: shared, and without a tag. */
export function addressElements(portMap: PortMap): readonly PlacedElement[] {
	return portEntries(portMap).flatMap(({ hostAddress }) =>
		hostAddress === undefined
			? []
			: [{ set: { ...table, set: addressSet(hostAddress.family) }, key: addressToBytes(hostAddress) }],
	);
}

/** The sizes of the networks that are masqueraded. */
export function sizesOf(portMap: PortMap): readonly NetworkSize[] {
	return portMap.addresses.flatMap((prefix) =>
		masqueradedSources(portMap, prefix).map(({ address: { family }, length }) => ({ family, length })),
	);
}

/** Where the port may be an element. */
export function placesOf(port: HostPort, kinds: readonly boolean[] = [false, true]): readonly ElementName[] {
	const { family, hostAddress, protocol, hostPort } = port;
	const fields = [new Uint8Array([protocolNumbers[protocol]]), new Uint8Array([hostPort >> 8, hostPort & 255])];
	const key = concatenate(hostAddress === undefined ? fields : [addressToBytes(hostAddress), ...fields]);
	return kinds.map((conditional) => ({
		set: { ...table, set: portSet(family, { any: hostAddress === undefined, conditional }) },
		key,
	}));
}

/** Where, in sets of these names, the container may be an element. */
export function masqueradePlacesOf(prefix: IpPrefix, sets: Iterable<string>): readonly ElementName[] {
	const { family } = prefix.address;
	return Array.from(sets, parseMasqueradeSet)
		.filter((size) => size?.family === family)
		.flatMap((size) => {
			if (size === undefined) return [];
			const own = { address: prefix.address, length: size.length };
			const sources = family === 4 && size.length === localhost4.length ? [own, localhost4] : [own];
			return sources.map((source) => masqueradePlace(source, prefix.address));
		});
}

/** What an element of a map of ports says; undefined for one that only jumps, or that nobody here made. */
export function readPort({ set, key, value }: PlacedElement): PortEntry | undefined {
	const match = /^(any_)?ports([46])$/.exec(set.set);
	if (match === null || !(value instanceof Uint8Array)) return undefined;
	const family = match[2] === "4" ? 4 : 6;
	const port = readHostPort({ key, family, any: match[1] !== undefined });
	const length = bitsOf(family) / 8;
	if (port === undefined) return undefined;
	return {
		...port,
		target: addressFromBytes(value.subarray(0, length)),
		targetPort: portIn(value.subarray(length)),
	};
}

/** For messages: `tcp port 8080`, or the container that is masqueraded for. */
export function describeElement({ set: { set }, key }: ElementName): string {
	const match = /^(any_)?(?:conditional_)?ports([46])$/.exec(set);
	if (match !== null) {
		const port = readHostPort({ key, family: match[2] === "4" ? 4 : 6, any: match[1] !== undefined });
		return port === undefined ? "of an unknown protocol" : `for ${describePort(port)}`;
	}
	const length = set.startsWith("masquerade4") ? 4 : 16;
	return `for ${formatAddress(addressFromBytes(key.subarray(key.byteLength - length)))}`;
}

function portElement(portMap: PortMap, entry: PortEntry): PlacedElement {
	const conditional = isConditional(portMap, entry.family);
	const [place] = placesOf(entry, [conditional]);
	if (place === undefined) throw new TypeError("Cannot place a port");
	return {
		...place,
		value: conditional
			? { kind: "verdict", verdict: "jump", chain: conditionsChain(attachmentPrefix(portMap.attachment)) }
			: concatenate([addressToBytes(entry.target), new Uint8Array([entry.targetPort >> 8, entry.targetPort & 255])]),
	};
}

function masqueradeElements(portMap: PortMap): readonly PlacedElement[] {
	return portMap.addresses.flatMap((prefix) =>
		masqueradedSources(portMap, prefix).map((source) => masqueradePlace(source, prefix.address)),
	);
}

/** Where connections come from that would be answered past the host, or to nobody. */
function masqueradedSources({ snat, masqAll }: PortMap, prefix: IpPrefix): readonly IpPrefix[] {
	const { family } = prefix.address;
	if (!snat) return [];
	if (masqAll) return [defaultPrefix(family)];
	return family === 4 ? [networkOf(prefix), localhost4] : [networkOf(prefix)];
}

function masqueradePlace(source: IpPrefix, target: IpAddress): ElementName {
	const { length } = source;
	const address = addressToBytes(target);
	const key = length === 0 ? address : concatenate([addressToBytes(networkOf(source).address), address]);
	return { set: { ...table, set: masqueradeSet({ family: target.family, length }) }, key };
}

function readHostPort({ key, family, any }: { key: Uint8Array; family: Family; any: boolean }): HostPort | undefined {
	const start = any ? 0 : bitsOf(family) / 8;
	const protocol = protocols.find((name) => protocolNumbers[name] === key[start]);
	if (protocol === undefined) return undefined;
	return {
		family,
		hostAddress: any ? undefined : addressFromBytes(key.subarray(0, start)),
		protocol,
		hostPort: portIn(key.subarray(start + 4)),
	};
}

function portIn(bytes: Uint8Array): number {
	return ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0);
}
