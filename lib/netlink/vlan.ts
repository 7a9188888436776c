import type { Link } from "./link.ts";
import { addUpperLink, type NewUpperLink } from "./upper-link.ts";
import { attribute, read } from "./wire/attributes.ts";
import type { Message } from "./wire/message.ts";

const IFLA_VLAN_ID = 1;

/** `ip link add link MASTER name NAME … type vlan id ID` (802.1Q). */
export function addVlan(link: NewUpperLink, id: number): Message {
	return addUpperLink(link, { kind: "vlan", data: [attribute.u16(IFLA_VLAN_ID, id)] });
}

/** The id of a VLAN's link. */
export function vlanIdOf({ kindData }: Pick<Link, "kindData">): number | undefined {
	return read.u16(read.nested(kindData).get(IFLA_VLAN_ID));
}
