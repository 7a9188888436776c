import { isOfAnother } from "../../../lib/attachment/link-owner.ts";
import type { Sandbox } from "../../../lib/attachment/sandbox.ts";
import type { NetworkAttachment } from "../../../lib/cni/attachment-tag.ts";
import type { IpAddress } from "../../../lib/ip/address.ts";
import { Errno } from "../../../lib/linux/errno.ts";
import { listAddresses } from "../../../lib/netlink/address.ts";
import { findLink } from "../../../lib/netlink/link.ts";
import { appendRoute, deleteExactRoute, listLinkRoutes, onLinkFirst } from "../../../lib/netlink/route-copy.ts";
import { deleteRule, type InstalledRule, listRules, rulesFrom, type SourceRule } from "../../../lib/netlink/rule.ts";
import type { NetlinkError } from "../../../lib/netlink/wire/error.ts";
import type { Message } from "../../../lib/netlink/wire/message.ts";
import type { SourceRoutingRecord } from "../../../lib/state/source-routing-record.ts";
import { routeTextOf } from "./apply.ts";
import { routingOf } from "./kept-routing.ts";

/**
 * Puts routes back where they were and removes rules and tables, as the record says. What is gone is success.
 *
 * @returns what could not be put back, and why
 * @throws NetlinkError for a rule or a route of a table that stays
 */
export function takeBack({ socket }: Sandbox, record: SourceRoutingRecord): readonly string[] {
	const { ownTables, rules, movedRoutes, hints } = routingOf(record);
	const link = findLink(socket, { name: record.ifName });
	// A table of one family has nothing of the other.
	const families = [...new Set(rules.map(({ source }) => source.family))];
	const present = listRules(socket, families);
	const steps: Message[] = rules.flatMap((rule) => matching(present, rule).map(deletion));
	const back: { what: string; message: Message }[] = [];
	// Of another interface that has got the name since, nothing is ours.
	if (link?.index === record.linkIndex) {
		const tables = new Set(ownTables ? rules.map(({ table }) => table) : []);
		back.push(...onLinkFirst(movedRoutes).map((route) => ({ what: routeTextOf(route), message: appendRoute(route) })));
		steps.push(
			...hints.map(deleteExactRoute),
			...listLinkRoutes(socket, link.index, families)
				.filter(({ table }) => tables.has(table))
				.map(deleteExactRoute),
		);
	}
	const errors = socket.requestAll([...back.map(({ message }) => message), ...steps]);
	throwFirst(errors.slice(back.length));
	return back.flatMap(({ what }, index) => {
		const error = errors[index];
		return error === undefined || error.errno === Errno.EEXIST ? [] : [`Cannot put back ${what}: ${error.message}`];
	});
}

/** The first table that sbr of either suite would choose. */
const firstOwnTable = 100;
const firstReservedTable = 253;

export interface Unrecorded {
	readonly attachment: NetworkAttachment;
	readonly addresses: readonly IpAddress[];
	/** That of the configuration, which has no tables of its own then. */
	readonly table: number | undefined;
}

/**
 * The same without a record, as for an attachment of the reference's: rules by the interface's addresses, and what the
 * interface has in their tables; main is not restored, as nobody knows what was in it.
 *
 * @throws NetlinkError
 */
export function takeBackUnrecorded({ socket }: Sandbox, { attachment, addresses, table }: Unrecorded): void {
	const named = findLink(socket, { name: attachment.ifName });
	const link = named === undefined || isOfAnother(named, attachment) ? undefined : named;
	const present = listRules(socket);
	const own = link === undefined ? [] : listAddresses(socket, link.index).map(({ prefix }) => prefix.address);
	const removed = [...own, ...addresses].flatMap((source) =>
		rulesFrom(present, source)
			.filter((rule) => table === undefined || rule.table === table)
			.map((rule) => ({ source, rule })),
	);
	const gone = new Set(removed.map(({ rule }) => rule));
	const usedByOthers = new Set(present.filter((rule) => !gone.has(rule)).map((rule) => rule.table));
	const tables = new Set(
		removed
			.map(({ rule }) => rule.table)
			.filter((id) => table === undefined && id >= firstOwnTable && id < firstReservedTable && !usedByOthers.has(id)),
	);
	const routes = link === undefined ? [] : listLinkRoutes(socket, link.index);
	throwFirst(
		socket.requestAll([
			...removed.map(({ source, rule }) => deletion({ ...rule, source })),
			...routes.filter((route) => tables.has(route.table)).map(deleteExactRoute),
		]),
	);
}

function matching(present: readonly InstalledRule[], { source, table }: SourceRule) {
	return rulesFrom(present, source)
		.filter((rule) => rule.table === table)
		.map(({ priority }) => ({ source, table, priority }));
}

function deletion(rule: SourceRule & { readonly priority: number }): Message {
	return deleteRule(rule);
}

/** But what is gone already. */
function throwFirst(errors: readonly (NetlinkError | undefined)[]): void {
	const error = errors.find((one) => one !== undefined && one.errno !== Errno.ENOENT && one.errno !== Errno.ESRCH);
	if (error !== undefined) throw error;
}
