import {
	addressFromBytes,
	addressToBytes,
	type Family,
	hostPrefix,
	type IpAddress,
	type IpPrefix,
} from "../ip/address.ts";
import { addressFamily, RTM_DELRULE, RTM_GETRULE, RTM_NEWRULE } from "./rtnetlink.ts";
import { attribute, decodeAttributes, read } from "./wire/attributes.ts";
import { type Message, NLM_F_CREATE, NLM_F_EXCL, type ReceivedMessage } from "./wire/message.ts";
import type { NetlinkSocket } from "./wire/socket.ts";

/** A rule that sends packets from one address to a routing table; `ip rule`. */
export interface SourceRule {
	readonly source: IpAddress;
	readonly table: number;
}

/** A rule as the kernel holds it. */
export interface InstalledRule {
	/** Absent for a rule that does not look at the source. */
	readonly source: IpPrefix | undefined;
	/** 0 for a rule that leads to no table. */
	readonly table: number;
	/** Smaller ones are asked first. */
	readonly priority: number;
}

const FRA_SRC = 2;
const FRA_PRIORITY = 6;
const FRA_TABLE = 15;
const FR_ACT_TO_TBL = 1;

/** `ip rule add from SOURCE lookup TABLE`: the kernel gives it a priority before all others but that of `local`. */
export function addRule(rule: SourceRule): Message {
	return ruleMessage(RTM_NEWRULE, { ...rule, flags: NLM_F_CREATE | NLM_F_EXCL });
}

/** `ip rule del from SOURCE lookup TABLE priority PRIORITY`; ENOENT when there is none. */
export function deleteRule(rule: SourceRule & { readonly priority: number }): Message {
	return ruleMessage(RTM_DELRULE, rule);
}

/** `ip rule show`, `ip -6 rule show`. @throws NetlinkError */
export function listRules(socket: NetlinkSocket, families: readonly Family[] = [4, 6]): readonly InstalledRule[] {
	return families.flatMap((family) => {
		const header = new Uint8Array(12);
		header[0] = addressFamily(family);
		return socket.dump({ type: RTM_GETRULE, header }).map(decodeRule);
	});
}

/** The rules that look for exactly this source address. */
export function rulesFrom(rules: readonly InstalledRule[], source: IpAddress): readonly InstalledRule[] {
	const { length } = hostPrefix(source);
	return rules.filter(
		(rule) =>
			rule.source?.length === length &&
			rule.source.address.family === source.family &&
			rule.source.address.value === source.value,
	);
}

export function decodeRule({ body }: ReceivedMessage): InstalledRule {
	const attributes = decodeAttributes(body.subarray(12));
	const source = attributes.get(FRA_SRC);
	return {
		source: source === undefined ? undefined : { address: addressFromBytes(source), length: body[2] ?? 0 },
		table: read.u32(attributes.get(FRA_TABLE)) ?? body[4] ?? 0,
		priority: read.u32(attributes.get(FRA_PRIORITY)) ?? 0,
	};
}

/**
 * `struct fib_rule_hdr`: u8 family, dst_len, src_len, tos, table, two reserved, action; u32 flags. Tables above 255 travel
 * in FRA_TABLE.
 */
function ruleMessage(
	type: number,
	{ source, table, priority, flags = 0 }: SourceRule & { priority?: number; flags?: number },
): Message {
	const { length } = hostPrefix(source);
	const header = new Uint8Array(12);
	const action = type === RTM_NEWRULE ? FR_ACT_TO_TBL : 0;
	header.set([addressFamily(source.family), 0, length, 0, table > 255 ? 0 : table, 0, 0, action]);
	return {
		type,
		flags,
		header,
		attributes: [
			attribute.bytes(FRA_SRC, addressToBytes(source)),
			...(table > 255 ? [attribute.u32(FRA_TABLE, table)] : []),
			...(priority === undefined ? [] : [attribute.u32(FRA_PRIORITY, priority)]),
		],
	};
}
