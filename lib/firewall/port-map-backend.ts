import type { NetworkAttachment } from "../cni/attachment-tag.ts";
import { type Family, formatAddress, type IpAddress, type IpPrefix, sameAddress } from "../ip/address.ts";
import type { FirewallRecord } from "../state/firewall-records.ts";

export const protocols = ["tcp", "udp", "sctp"] as const;
export type Protocol = (typeof protocols)[number];

/** IPPROTO_* of each. */
export const protocolNumbers: Readonly<Record<Protocol, number>> = { tcp: 6, udp: 17, sctp: 132 };

/** One port of the host that leads to one of the container. */
export interface PortMapping {
	readonly protocol: Protocol;
	readonly hostPort: number;
	readonly containerPort: number;
	/** The host's address; `0.0.0.0` and `::` are all of their family, and absent is all of both. */
	readonly hostAddress?: IpAddress | undefined;
}

/** What the port maps of an attachment consist of, in whichever backend. */
export interface PortMap {
	readonly attachment: NetworkAttachment;
	/** The container's, at most one of each family, with the length of its network. */
	readonly addresses: readonly IpPrefix[];
	readonly mappings: readonly PortMapping[];
	/** Masquerades what could not come back otherwise: from the container's network and from the host's localhost. */
	readonly snat: boolean;
	/** With `snat`: masquerades everything. */
	readonly masqAll: boolean;
	/** Further matches that a connection has to pass, in the words of the backend. */
	readonly conditions: Readonly<Record<Family, readonly string[]>>;
	/** Interfaces of the host from which the ports lead nowhere, by name; a `+` at the end stands for any rest. */
	readonly excludedDevices?: readonly string[] | undefined;
	/** iptables only: the bit of the packet mark that means masquerading, 0 to 31. */
	readonly markMasqBit: number;
	/** iptables only: the chain that sets a mark, of somebody who masquerades what has it. */
	readonly externalSetMarkChain: string | undefined;
}

/** One port of the host in one family, and where it leads. */
export interface PortEntry {
	readonly protocol: Protocol;
	readonly family: Family;
	/** Undefined: every address of the host. */
	readonly hostAddress: IpAddress | undefined;
	readonly hostPort: number;
	readonly target: IpAddress;
	readonly targetPort: number;
}

/** Somebody who has a port that is wanted. */
export interface PortHolder {
	/** For messages: `container "c1" (network "app", interface "eth0")`. */
	readonly description: string;
	/** The port that is held, for messages: `tcp port 8080`. */
	readonly port: string;
	/** What is on record of it. */
	record(): FirewallRecord | undefined;
	/** Takes away what it has of what is wanted. */
	release(): void;
}

/** The seam: who puts port maps into the kernel. The contract suite holds every implementation to the same laws. */
export interface PortMapBackend {
	/**
	 * Whose ports overlap with those of the port map; the attachment itself left out. Ports of one protocol and number
	 * do when they are at the same address of the host, or one of them at all addresses.
	 */
	holders(portMap: PortMap): readonly PortHolder[];
	/** Makes it so in one transaction (one for each family where the backend has one for each); again is no change. */
	apply(portMap: PortMap): void;
	/** What is missing, in words that name each thing; empty when all is as `apply` leaves it. */
	verify(portMap: PortMap): readonly string[];
	/**
	 * Removes what is there of the attachment; nothing there is success.
	 *
	 * @param known what it may have; undefined where nothing is known, and everything has to be searched
	 */
	remove(attachment: NetworkAttachment, known: KnownPorts | undefined): void;
	/** What the network has, whoever made it. */
	list(network: string): readonly PortMapOwner[];
}

/** Whether a connection could be meant for either: at the same address, or one of them at all addresses. */
export function portsOverlap(a: HostPort, b: HostPort): boolean {
	if (a.family !== b.family || a.protocol !== b.protocol || a.hostPort !== b.hostPort) return false;
	return a.hostAddress === undefined || b.hostAddress === undefined || sameAddress(a.hostAddress, b.hostAddress);
}

/** What is known of an attachment's port maps from a record, a configuration or a result. */
export interface KnownPorts {
	readonly mappings: readonly PortMapping[];
	readonly addresses: readonly IpPrefix[];
}

/** What one attachment has in a backend. */
export interface PortMapOwner {
	/** For messages. */
	readonly description: string;
	isOf(attachment: NetworkAttachment): boolean;
	remove(): void;
}

/** Whether it takes more than address, protocol and port to tell where a connection goes. */
export function isConditional({ conditions, excludedDevices = [] }: PortMap, family: Family): boolean {
	return conditions[family].length > 0 || excludedDevices.length > 0;
}

/** The ports of each family that the container has an address of. */
export function portEntries({ addresses, mappings }: Pick<PortMap, "addresses" | "mappings">): readonly PortEntry[] {
	return addresses.flatMap(({ address }) =>
		hostPorts(mappings, [address.family]).map(({ containerPort, ...port }) => ({
			...port,
			target: address,
			targetPort: containerPort,
		})),
	);
}

/** A port of the host, whoever it leads to. */
export type HostPort = Pick<PortEntry, "family" | "hostAddress" | "protocol" | "hostPort">;

/** `tcp port 8080`, `udp port 53 of 192.0.2.1` */
export function describePort({ protocol, hostPort, hostAddress }: HostPort): string {
	return `${protocol} port ${hostPort}${hostAddress === undefined ? "" : ` of ${formatAddress(hostAddress)}`}`;
}

export interface MappedHostPort extends HostPort {
	readonly containerPort: number;
}

/** The host's side of mappings, in the given families. */
export function hostPorts(
	mappings: readonly PortMapping[],
	families: readonly Family[] = [4, 6],
): readonly MappedHostPort[] {
	return families.flatMap((family) =>
		mappings
			.filter(({ hostAddress }) => hostAddress === undefined || hostAddress.family === family)
			.map(({ protocol, hostPort, containerPort, hostAddress }) => ({
				protocol,
				family,
				hostAddress: hostAddress?.value === 0n ? undefined : hostAddress,
				hostPort,
				containerPort,
			})),
	);
}
