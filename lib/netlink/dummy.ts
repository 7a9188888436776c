import { IFLA_ADDRESS, IFLA_IFNAME, IFLA_INFO_KIND, IFLA_LINKINFO, ifinfomsg } from "./link-message.ts";
import { RTM_NEWLINK } from "./rtnetlink.ts";
import { attribute } from "./wire/attributes.ts";
import { type Message, NLM_F_CREATE, NLM_F_EXCL } from "./wire/message.ts";

const kind = attribute.nested(IFLA_LINKINFO, [attribute.string(IFLA_INFO_KIND, "dummy")]);

/** `ip link add NAME type dummy`: an interface that swallows what is sent. Fails with EEXIST when there is one. */
export function addDummy({ name }: { name: string }): Message {
	return {
		type: RTM_NEWLINK,
		flags: NLM_F_CREATE | NLM_F_EXCL,
		header: ifinfomsg(),
		attributes: [attribute.string(IFLA_IFNAME, name), kind],
	};
}

/**
 * A request for a dummy interface that no kernel grants, since the hardware address is none: fails with EADDRNOTAVAIL
 * where there is the driver, else with EOPNOTSUPP.
 */
export function probeDummy(): Message {
	return {
		type: RTM_NEWLINK,
		flags: NLM_F_CREATE | NLM_F_EXCL,
		header: ifinfomsg(),
		attributes: [attribute.bytes(IFLA_ADDRESS, new Uint8Array(6)), kind],
	};
}
