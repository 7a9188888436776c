import type { NetworkAttachment } from "../../cni/attachment-tag.ts";
import { sha512Hex } from "../../cni/sha512.ts";
import { type Family, formatAddress, formatPrefix, hostPrefix, type IpPrefix, networkOf } from "../../ip/address.ts";
import { type PortEntry, type PortMap, portEntries } from "../port-map-backend.ts";

/*
 * Port maps in iptables, in the reference's form, to the letter: table nat, one chain for each container and network.
 *
 *     -A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT                        (OUTPUT: the same)
 *     -A CNI-HOSTPORT-DNAT -p tcp -m comment --comment "dnat name: \"net\" id: \"container\"" -m multiport
 *        --dports 8080,8081 <conditions> -j CNI-DN-<21 digits>                               (15 ports at most in each)
 *     -A CNI-DN-<21 digits> -i docker0 -j RETURN                      (ours: excluded devices)
 *     -A CNI-DN-<21 digits> -s 10.1.2.0/24 -p tcp -m tcp --dport 8080 -j CNI-HOSTPORT-SETMARK
 *     -A CNI-DN-<21 digits> -s 127.0.0.1/32 -p tcp -m tcp --dport 8080 -j CNI-HOSTPORT-SETMARK
 *     -A CNI-DN-<21 digits> -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.1.2.3:80
 *     -A CNI-HOSTPORT-SETMARK -m comment --comment "CNI portfwd masquerade mark" -j MARK --set-xmark 0x2000/0x2000
 *     -A POSTROUTING -m comment --comment "CNI portfwd requiring masquerade" -j CNI-HOSTPORT-MASQ
 *     -A CNI-HOSTPORT-MASQ -m mark --mark 0x2000/0x2000 -j MASQUERADE
 */

export const dnatChain = "CNI-HOSTPORT-DNAT";
export const setMarkChain = "CNI-HOSTPORT-SETMARK";
export const masqueradeChain = "CNI-HOSTPORT-MASQ";

/** Of older releases of the reference; only removed. */
export const oldSnatChain = "CNI-HOSTPORT-SNAT";

/** Names and comments in iptables have no interface. */
type Owner = Pick<NetworkAttachment, "network" | "containerId">;

/** The chain of a container on a network. */
export function portChainOf(owner: Owner): string {
	return `CNI-DN-${hashOf(owner)}`;
}

export function oldSnatChainOf(owner: Owner): string {
	return `CNI-SN-${hashOf(owner)}`;
}

export function isPortChain(name: string): boolean {
	return /^CNI-DN-[0-9a-f]{21}$/.test(name);
}

/** What the comments of all jumps of the network begin with. */
export function jumpCommentPrefix(network: string): string {
	return `dnat name: "${network}" id: "`;
}

/** Whose jump it is, by its comment; the container's id may be cut off. */
export function parseJumpComment(comment: string): Owner | undefined {
	const match = /^dnat name: "([^"]*)" id: "([^".]*)/.exec(comment);
	return match === null ? undefined : { network: match[1] ?? "", containerId: match[2] ?? "" };
}

/** A rule as iptables-restore takes it, without `-A`. */
export interface WantedRule {
	readonly chain: string;
	readonly specification: string;
}

/** The chains and rules that all containers share, in the reference's order; jumps of POSTROUTING stand first in it. */
export function sharedRules({ snat, externalSetMarkChain, markMasqBit }: PortMap): {
	readonly chains: readonly string[];
	readonly rules: readonly (WantedRule & { readonly first?: true })[];
} {
	const mark = `0x${((1 << markMasqBit) >>> 0).toString(16)}`;
	const marks = snat && externalSetMarkChain === undefined;
	const toDnat = `-m addrtype --dst-type LOCAL -j ${dnatChain}`;
	return {
		chains: marks ? [setMarkChain, masqueradeChain, dnatChain] : [dnatChain],
		rules: [
			...(marks
				? [
						{
							chain: setMarkChain,
							specification: `-m comment --comment "CNI portfwd masquerade mark" -j MARK --set-xmark ${mark}/${mark}`,
						},
						{ chain: masqueradeChain, specification: `-m mark --mark ${mark}/${mark} -j MASQUERADE` },
						{
							chain: "POSTROUTING",
							specification: `-m comment --comment "CNI portfwd requiring masquerade" -j ${masqueradeChain}`,
							first: true as const,
						},
					]
				: []),
			{ chain: "PREROUTING", specification: toDnat },
			{ chain: "OUTPUT", specification: toDnat },
		],
	};
}

/** The rules in the container's own chain, in order: who is marked, then where it goes. */
export function containerRules(portMap: PortMap, family: Family): readonly WantedRule[] {
	const chain = portChainOf(portMap.attachment);
	const container = portMap.addresses.find(({ address }) => address.family === family);
	if (container === undefined) return [];
	const target = portMap.externalSetMarkChain ?? setMarkChain;
	const excluded = (portMap.excludedDevices ?? []).map((name) => ({ chain, specification: `-i ${name} -j RETURN` }));
	const mapped = portEntries({ ...portMap, addresses: [container] }).flatMap((entry) => {
		const match = matchOf(entry);
		return [
			...markedSources(portMap, container).map((source) => `${source}${match} -j ${target}`),
			`${match} -j DNAT --to-destination ${destinationOf(entry)}`,
		].map((specification) => ({ chain, specification }));
	});
	return [...excluded, ...mapped];
}

/** multiport takes so many. */
const portsInJump = 15;

/** The jumps to the container's chain: all ports, those of the other family's addresses too, as in the reference. */
export function jumpRules(portMap: PortMap, family: Family): readonly WantedRule[] {
	const { mappings, attachment, conditions } = portMap;
	const ofProtocol = Map.groupBy(mappings, ({ protocol }) => protocol);
	return [...ofProtocol.keys()].sort().flatMap((protocol) => {
		const ports = (ofProtocol.get(protocol) ?? []).map(({ hostPort }) => hostPort);
		return chunks(ports, portsInJump).map((some) => ({
			chain: dnatChain,
			specification: [
				`-p ${protocol} -m comment --comment "${jumpComment(attachment).replaceAll('"', '\\"')}"`,
				`-m multiport --dports ${some.join(",")}`,
				...conditions[family],
				`-j ${portChainOf(attachment)}`,
			].join(" "),
		}));
	});
}

function jumpComment(owner: Owner): string {
	const comment = `${jumpCommentPrefix(owner.network)}${owner.containerId}"`;
	return comment.length > 255 ? `${comment.slice(0, 253)}...` : comment;
}

function markedSources({ snat, masqAll }: PortMap, container: IpPrefix): readonly string[] {
	if (!snat) return [];
	if (masqAll) return [""];
	const own = `-s ${formatPrefix(networkOf(container))} `;
	return container.address.family === 4 ? [own, "-s 127.0.0.1/32 "] : [own];
}

function matchOf({ protocol, hostPort, hostAddress }: PortEntry): string {
	const destination = hostAddress === undefined ? "" : `-d ${formatPrefix(hostPrefix(hostAddress))} `;
	return `${destination}-p ${protocol} -m ${protocol} --dport ${hostPort}`;
}

function destinationOf({ family, target, targetPort }: PortEntry): string {
	const address = formatAddress(target);
	return `${family === 4 ? address : `[${address}]`}:${targetPort}`;
}

function hashOf({ network, containerId }: Owner): string {
	return sha512Hex(`${network}${containerId}`).slice(0, 21);
}

function chunks<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
	return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
		items.slice(index * size, (index + 1) * size),
	);
}
