import type { Link } from "./link.ts";
import { addUpperLink, type NewUpperLink } from "./upper-link.ts";
import { attribute, read } from "./wire/attributes.ts";
import type { Message } from "./wire/message.ts";

const IFLA_IPVLAN_MODE = 1;

/**
 * Up to where the container's own stack works: `l2` frames are switched; `l3` the master's namespace routes, without
 * broadcast and multicast; `l3s` that, with the connection tracking of the master's namespace.
 */
export type IpvlanMode = (typeof ipvlanModes)[number];

/** In the order of the kernel's numbers. */
export const ipvlanModes = ["l2", "l3", "l3s"] as const;

/** `ip link add link MASTER name NAME … type ipvlan mode MODE`. */
export function addIpvlan(link: NewUpperLink, mode: IpvlanMode): Message {
	return addUpperLink(link, {
		kind: "ipvlan",
		data: [attribute.u16(IFLA_IPVLAN_MODE, ipvlanModes.indexOf(mode))],
	});
}

/** The mode of an ipvlan link. */
export function ipvlanModeOf({ kindData }: Pick<Link, "kindData">): IpvlanMode | undefined {
	return ipvlanModes[read.u16(read.nested(kindData).get(IFLA_IPVLAN_MODE)) ?? -1];
}
