import { asObject } from "../../cni/member-of.ts";
import { type IpAddress, parseAddress, parsePrefix } from "../../ip/address.ts";
import {
	listRecords,
	type RecordKind,
	readRecord,
	readUnfinishedRecord,
	recordedAt,
	recordKinds,
} from "../../state/firewall-records.ts";
import type { Witness } from "./witness.ts";

/** As reasons and findings call the kinds. */
export const wordsOfKind: Readonly<Record<RecordKind, string>> = {
	masquerade: "masquerading",
	portmap: "port maps",
	forward: "accepted forwarding",
	groups: "groups",
};

/** The records of what this host's firewall should hold. */
export function firewallWitnesses(): readonly Witness[] {
	return recordKinds.flatMap((kind) =>
		listRecords(kind).flatMap((name) => {
			const record = readRecord(kind, name) ?? readUnfinishedRecord(kind, name);
			if (record === undefined) return [];
			const { attachment, sandbox, rules } = record;
			const source = `the record of ${wordsOfKind[kind]}`;
			return [{ attachment, sandbox, source, addresses: addressesIn(rules), since: recordedAt(kind, name) }];
		}),
	);
}

/** Records of every kind keep the container's addresses under one name, with or without a length. */
function addressesIn(rules: unknown): readonly IpAddress[] {
	const addresses = asObject(rules)?.addresses;
	if (!Array.isArray(addresses)) return [];
	return addresses.flatMap((text: unknown) => {
		if (typeof text !== "string") return [];
		return parsePrefix(text)?.address ?? parseAddress(text) ?? [];
	});
}
