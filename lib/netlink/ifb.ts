import {
	IFF_UP,
	IFLA_ADDRESS,
	IFLA_IFNAME,
	IFLA_INFO_KIND,
	IFLA_LINKINFO,
	IFLA_TXQLEN,
	ifinfomsg,
	mtuOf,
} from "./link-message.ts";
import { RTM_NEWLINK } from "./rtnetlink.ts";
import { attribute } from "./wire/attributes.ts";
import { type Message, NLM_F_CREATE, NLM_F_EXCL } from "./wire/message.ts";

const kind = attribute.nested(IFLA_LINKINFO, [attribute.string(IFLA_INFO_KIND, "ifb")]);

/**
 * `ip link add NAME index INDEX mtu MTU txqueuelen 0 up type ifb`: an intermediate device. What another interface
 * receives is redirected to it, so that it passes through a queueing discipline. Fails with EEXIST when there is one.
 *
 * @param device.index by which further requests in the same system call can name it; absent for one from the kernel
 */
export function addIfb({ name, index, mtu }: { name: string; index?: number; mtu: number }): Message {
	return {
		type: RTM_NEWLINK,
		flags: NLM_F_CREATE | NLM_F_EXCL,
		header: ifinfomsg({ ...(index === undefined ? {} : { index }), flags: IFF_UP, change: IFF_UP }),
		attributes: [attribute.string(IFLA_IFNAME, name), ...mtuOf(mtu), attribute.u32(IFLA_TXQLEN, 0), kind],
	};
}

/**
 * A request for an ifb device that no kernel grants, since the hardware address is none: fails with EADDRNOTAVAIL where
 * there is the driver, else with EOPNOTSUPP.
 */
export function probeIfb(): Message {
	return {
		type: RTM_NEWLINK,
		flags: NLM_F_CREATE | NLM_F_EXCL,
		header: ifinfomsg(),
		attributes: [attribute.bytes(IFLA_ADDRESS, new Uint8Array(6)), kind],
	};
}
