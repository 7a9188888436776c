import type { NetworkAttachment } from "../../cni/attachment-tag.ts";
import { sha512Hex } from "../../cni/sha512.ts";

/** Names and comments in iptables have no interface: two of one container on one network share a chain. */
type Owner = Pick<NetworkAttachment, "network" | "containerId">;

/** `CNI-` and 24 hexadecimal digits, as both suites name the chain of a container on a network. */
export function chainNameOf({ network, containerId }: Owner): string {
	const hash = sha512Hex(`${network}${containerId}`);
	return `CNI-${hash.slice(0, 24)}`;
}

/** Tells our chains from those of port maps (`CNI-DN-…`) and from everybody else's. */
export function isMasqueradeChain(name: string): boolean {
	return /^CNI-[0-9a-f]{24}$/.test(name);
}

/** The comment on every rule. */
export function commentOf({ network, containerId }: Owner): string {
	return `${commentPrefix(network)}${containerId}"`;
}

/** What the comments of all rules of the network begin with. */
export function commentPrefix(network: string): string {
	return `name: "${network}" id: "`;
}
