import type { Link } from "./link.ts";
import { IFF_UP, IFLA_IFNAME, IFLA_INFO_DATA, IFLA_INFO_KIND, IFLA_LINKINFO, ifinfomsg } from "./link-message.ts";
import { RTM_NEWLINK } from "./rtnetlink.ts";
import { type Attribute, attribute, read } from "./wire/attributes.ts";
import { type Message, NLM_F_CREATE, NLM_F_EXCL } from "./wire/message.ts";

const IFLA_VRF_TABLE = 1;

const infoOf = (data: readonly Attribute[]) =>
	attribute.nested(IFLA_LINKINFO, [
		attribute.string(IFLA_INFO_KIND, "vrf"),
		...(data.length === 0 ? [] : [attribute.nested(IFLA_INFO_DATA, data)]),
	]);

/**
 * `ip link add NAME up type vrf table TABLE`: interfaces that it is the master of are routed by that table alone. Fails with
 * EEXIST when there is a link of that name.
 */
export function addVrf({ name, table }: { name: string; table: number }): Message {
	return {
		type: RTM_NEWLINK,
		flags: NLM_F_CREATE | NLM_F_EXCL,
		header: ifinfomsg({ flags: IFF_UP, change: IFF_UP }),
		attributes: [attribute.string(IFLA_IFNAME, name), infoOf([attribute.u32(IFLA_VRF_TABLE, table)])],
	};
}

/**
 * A request for a VRF that no kernel grants, since it names no table: fails with EINVAL where there is the driver, else with
 * EOPNOTSUPP.
 */
export function probeVrf(): Message {
	return { type: RTM_NEWLINK, flags: NLM_F_CREATE | NLM_F_EXCL, header: ifinfomsg(), attributes: [infoOf([])] };
}

/** The routing table of a VRF; undefined for a link of another kind. */
export function vrfTableOf({ kind, kindData }: Pick<Link, "kind" | "kindData">): number | undefined {
	return kind === "vrf" ? read.u32(read.nested(kindData).get(IFLA_VRF_TABLE)) : undefined;
}
