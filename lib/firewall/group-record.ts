import { boolean, decodeDocument, list, object, required, SchemaError, string } from "../cni/schema.ts";
import { formatAddress, parseAddress } from "../ip/address.ts";
import { type FirewallRecord, listRecords, readRecord } from "../state/firewall-records.ts";
import type { GroupMember } from "./group-member.ts";

const schema = required(
	object({
		groups: list(string("")),
		open: boolean(false),
		port: string(""),
		bridges: list(string("")),
		mac: string(""),
		addresses: list(string("")),
		linkLocal: string(""),
		hostPorts: boolean(false),
		outside: boolean(false),
	}),
);

/** What a record of groups consists of: `rules` of lib/state/firewall-records.ts. */
export function recordMember({ attachment: _, addresses, linkLocal, ...member }: GroupMember): unknown {
	return {
		...member,
		addresses: addresses.map(formatAddress),
		...(linkLocal === undefined ? {} : { linkLocal: formatAddress(linkLocal) }),
	};
}

/** The member on record; undefined when it cannot be understood. */
export function recordedMember({ attachment, rules }: FirewallRecord): GroupMember | undefined {
	try {
		const { groups = [], bridges = [], addresses = [], linkLocal, ...member } = decodeDocument(schema, rules);
		if (member.port === "") return undefined;
		return {
			...member,
			attachment,
			groups,
			bridges,
			linkLocal: parseAddress(linkLocal),
			addresses: addresses.map(parseAddress).filter((address) => address !== undefined),
		};
	} catch (thrown) {
		if (thrown instanceof SchemaError) return undefined;
		throw thrown;
	}
}

/** All that are on record of this host, sorted by network and container. */
export function recordedMembers(): readonly GroupMember[] {
	const keyOf = ({ attachment: { network, containerId, ifName } }: GroupMember) =>
		`${network}\0${containerId}\0${ifName}`;
	return listRecords("groups")
		.flatMap((name) => readRecord("groups", name) ?? [])
		.flatMap((record) => recordedMember(record) ?? [])
		.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}
