import {
	IFLA_IFNAME,
	IFLA_INFO_DATA,
	IFLA_INFO_KIND,
	IFLA_LINK,
	IFLA_LINKINFO,
	IFLA_NET_NS_FD,
	ifinfomsg,
	macOf,
	mtuOf,
} from "./link-message.ts";
import { RTM_NEWLINK } from "./rtnetlink.ts";
import { type Attribute, attribute } from "./wire/attributes.ts";
import { type Message, NLM_F_CREATE, NLM_F_EXCL } from "./wire/message.ts";

/** A link on top of another one, its master, by which its packets travel: macvlan, ipvlan, a VLAN. */
export interface NewUpperLink {
	readonly name: string;
	/** Index of the master, in the namespace of the socket that sends the request. */
	readonly master: number;
	/** Where the link is created; absent for the socket's namespace. */
	readonly namespaceFd?: number | undefined;
	/** Bytes; absent for the master's. */
	readonly mtu?: number | undefined;
	/** Absent for one that the kernel chooses. */
	readonly mac?: string | undefined;
}

/** What a kind of link has of its own: `IFLA_INFO_KIND`, and what is in `IFLA_INFO_DATA`. */
export interface UpperKind {
	readonly kind: string;
	readonly data: readonly Attribute[];
}

/**
 * `ip link add link MASTER name NAME netns NS address MAC mtu MTU type KIND …`: born in its namespace and down. Moving it
 * there later would cost 16 ms of RCU grace periods. Fails with EEXIST when the namespace has a link of that name;
 * before Linux 6.14 also when the socket's namespace has.
 */
export function addUpperLink(
	{ name, master, namespaceFd, mtu, mac }: NewUpperLink,
	{ kind, data }: UpperKind,
): Message {
	return {
		type: RTM_NEWLINK,
		flags: NLM_F_CREATE | NLM_F_EXCL,
		header: ifinfomsg(),
		attributes: [
			attribute.u32(IFLA_LINK, master),
			attribute.string(IFLA_IFNAME, name),
			...macOf(mac),
			...mtuOf(mtu),
			...(namespaceFd === undefined ? [] : [attribute.u32(IFLA_NET_NS_FD, namespaceFd)]),
			attribute.nested(IFLA_LINKINFO, [attribute.string(IFLA_INFO_KIND, kind), attribute.nested(IFLA_INFO_DATA, data)]),
		],
	};
}

/**
 * A request for a link of the kind that no kernel grants, since it names no master: fails with EOPNOTSUPP where there is
 * no driver (which the kernel has tried to load by then), else with another errno.
 */
export function probeUpperLink(kind: string): Message {
	return {
		type: RTM_NEWLINK,
		flags: NLM_F_CREATE | NLM_F_EXCL,
		header: ifinfomsg(),
		attributes: [attribute.nested(IFLA_LINKINFO, [attribute.string(IFLA_INFO_KIND, kind)])],
	};
}
