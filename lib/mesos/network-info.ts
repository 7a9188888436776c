import { CniError, ErrorCode } from "../cni/error.ts";
import { type Infer, integer, list, object, string } from "../cni/schema.ts";
import { type PortMapping, type Protocol, protocols } from "../firewall/port-map-backend.ts";
import { type Family, formatAddress, type IpAddress, parseAddress, parsePrefix, sameAddress } from "../ip/address.ts";
import type { Label, Tags } from "../ipam/tags.ts";

/** The key of `args` under which Mesos puts what it has to say. */
export const mesosKey = "org.apache.mesos";

/** The value of that key: the NetworkInfo of a task, as Mesos writes protobuf messages in JSON. */
export const mesosSchema = object({
	network_info: object({
		name: string(),
		ip_addresses: list(object({ protocol: string(), ip_address: string() })),
		groups: list(string()),
		labels: object({ labels: list(object({ key: string(), value: string() })) }),
		port_mappings: list(object({ host_port: integer(), container_port: integer(), protocol: string() })),
	}),
});

/** What the framework asks for its container on this network: validated, because tenants write it. */
export interface NetworkInfo {
	/** In the form of `runtimeConfig.portMappings`. */
	readonly portMappings: readonly PortMapping[];
	readonly addresses: AddressRequest;
	readonly tags: Tags;
}

export interface AddressRequest {
	/** These very addresses; one of each family at most. */
	readonly requested: readonly IpAddress[];
	/** Families of which the container must get an address. */
	readonly required: readonly Family[];
	/** The only families of which it may get one; undefined for whatever the network has. */
	readonly only: readonly Family[] | undefined;
}

type MesosArgs = Infer<typeof mesosSchema>;
type NetworkInfoText = NonNullable<NonNullable<MesosArgs>["network_info"]>;

/** @throws CniError code 7 that names the place */
export function networkInfoOf(args: MesosArgs): NetworkInfo {
	const info = args?.network_info;
	return {
		portMappings: portMappingsOf(info?.port_mappings ?? []),
		addresses: addressRequestOf(info?.ip_addresses ?? []),
		tags: tagsOf(info),
	};
}

/** Said twice is said once; a connection can only go to one place. */
function portMappingsOf(texts: NonNullable<NetworkInfoText["port_mappings"]>): readonly PortMapping[] {
	const byHostPort = new Map<string, PortMapping>();
	for (const [index, text] of texts.entries()) {
		const mapping = portMappingOf(text, index);
		const key = `${mapping.protocol} port ${mapping.hostPort}`;
		const other = byHostPort.get(key);
		if (other !== undefined && other.containerPort !== mapping.containerPort) {
			throw refuse(`port_mappings[${index}]`, `${key} of the host leads to port ${other.containerPort} already`);
		}
		byHostPort.set(key, mapping);
	}
	return [...byHostPort.values()];
}

function portMappingOf(mapping: NonNullable<NetworkInfoText["port_mappings"]>[number], index: number): PortMapping {
	const at = `port_mappings[${index}]`;
	const { host_port, container_port, protocol } = mapping ?? {};
	return {
		hostPort: portOf(host_port, `${at}.host_port`),
		containerPort: portOf(container_port, `${at}.container_port`),
		protocol: protocolOf(protocol, `${at}.protocol`),
	};
}

function portOf(port: number | undefined, at: string): number {
	if (port === undefined) throw refuse(at, "it is missing");
	if (port < 1 || port > 65535) throw refuse(at, `it must be between 1 and 65535, not ${port}`);
	return port;
}

function protocolOf(text: string | undefined, at: string): Protocol {
	const folded = text === undefined || text === "" ? "tcp" : text.toLowerCase();
	const protocol = protocols.find((known) => known === folded);
	if (protocol === undefined) throw refuse(at, `it must be tcp, udp or sctp, not ${quote(text)}`);
	return protocol;
}

/**
 * An entry with an address asks for this very one. Its family is that of the address, for Mesos writes `IPv4` into every
 * entry whose family the framework has left open. For the same reason an entry that says `IPv4` and nothing else means
 * "one of any family" as often as not: it asks for what the network gives by default. `IPv6` alone can only have been
 * meant.
 */
function addressRequestOf(entries: NonNullable<NetworkInfoText["ip_addresses"]>): AddressRequest {
	const requested: IpAddress[] = [];
	const families = new Set<Family>();
	for (const [index, entry] of entries.entries()) {
		const at = `ip_addresses[${index}]`;
		const family = familyOf(entry?.protocol, `${at}.protocol`);
		if (entry?.ip_address === undefined || entry.ip_address === "") families.add(family);
		else addStatic(requested, staticAddressOf(entry.ip_address, `${at}.ip_address`));
	}
	const wantsIpv6Alone = families.has(6) && !families.has(4);
	return {
		requested,
		required: families.has(6) ? [6] : [],
		only: wantsIpv6Alone ? [...new Set([6 as const, ...requested.map(({ family }) => family)])] : undefined,
	};
}

function familyOf(protocol: string | undefined, at: string): Family {
	switch (protocol) {
		case undefined:
		case "IPv4":
			return 4;
		case "IPv6":
			return 6;
		default:
			throw refuse(at, `it must be IPv4 or IPv6, not ${quote(protocol)}`);
	}
}

/** With or without the length of a prefix, which Mesos leaves in the IPv6 addresses that it reports. */
function staticAddressOf(text: string, at: string): IpAddress {
	const address = text.includes("/") ? parsePrefix(text)?.address : parseAddress(text);
	if (address === undefined) throw refuse(at, `${quote(text)} is no IP address`);
	return address;
}

function addStatic(requested: IpAddress[], address: IpAddress): void {
	const other = requested.find(({ family }) => family === address.family);
	if (other === undefined) requested.push(address);
	else if (!sameAddress(other, address)) {
		throw refuse(
			"ip_addresses",
			`"${formatAddress(other)}" and "${formatAddress(address)}" are both IPv${address.family} addresses`,
			"A network gives a container one address of each family: request the other on another network",
		);
	}
}

/** More than any framework has use for, and little enough to keep with every reservation. */
const mostTags = 256;
const longestName = 1024;
const longestValue = 4096;
/** All together: they are written for each address, and etcd, which refuses two megabytes, keeps those of all tenants. */
const mostCharacters = 32 * 1024;

function tagsOf(info: NetworkInfoText | undefined): Tags {
	const labels = (inBounds(info?.labels?.labels, "labels.labels") ?? []).map(labelOf);
	const groups = (inBounds(info?.groups, "groups") ?? []).map((group, index) => nameOf(group, `groups[${index}]`));
	const texts = [...labels.flatMap(({ key, value = "" }) => [key, value]), ...groups];
	const characters = texts.reduce((sum, { length }) => sum + length, 0);
	if (characters <= mostCharacters) return { labels, groups };
	const at = groups.length === 0 ? "labels" : "groups";
	throw refuse(at, `labels and groups have ${characters} characters together, and the limit is ${mostCharacters}`);
}

function inBounds<T>(items: readonly T[] | undefined, at: string): readonly T[] | undefined {
	if (items === undefined || items.length <= mostTags) return items;
	throw refuse(at, `it has ${items.length} entries, and the limit is ${mostTags}`);
}

function labelOf(
	label: { readonly key: string | undefined; readonly value: string | undefined } | undefined,
	index: number,
): Label {
	const at = `labels.labels[${index}]`;
	const value = label?.value;
	if (value !== undefined && value.length > longestValue) {
		throw refuse(`${at}.value`, `it has ${value.length} characters, and the limit is ${longestValue}`);
	}
	return { key: nameOf(label?.key, `${at}.key`), value };
}

function nameOf(text: string | undefined, at: string): string {
	return tagName(text, (cause) => refuse(at, cause));
}

/**
 * The name of a group or the key of a label, as it may be: any text. It is compared and kept, never interpreted; who shows
 * it has to quote it.
 */
export function tagName(text: string | undefined, refusal: (cause: string) => Error): string {
	if (text === undefined || text === "") throw refusal("it is missing or empty");
	if (text.length > longestName) throw refusal(`it has ${text.length} characters, and the limit is ${longestName}`);
	// Half a surrogate pair has no form in UTF-8: names that differ in it alone would be one.
	if (!text.isWellFormed()) throw refusal(`${quote(text)} is no text that UTF-8 could hold`);
	return text;
}

function quote(text: string | undefined): string {
	return JSON.stringify(text !== undefined && text.length > 64 ? `${text.slice(0, 63)}…` : text);
}

function refuse(
	at: string,
	cause: string,
	details = "The framework has set this in the network_infos of its task",
): CniError {
	const path = `args.${mesosKey}.network_info.${at}`;
	return new CniError(ErrorCode.invalidNetworkConfig, `Cannot use "${path}": ${cause}`, { details });
}
