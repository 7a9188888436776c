import type { Attachment } from "../../../lib/cni/plugin.ts";
import { formatAddress, parseAddress } from "../../../lib/ip/address.ts";
import { fromHex, toHex } from "../../../lib/linux/bytes.ts";
import { parseRouteCopy, type RouteCopy } from "../../../lib/netlink/route-copy.ts";
import { identifySandbox } from "../../../lib/state/sandbox-identity.ts";
import type { SourceRoutingRecord } from "../../../lib/state/source-routing-record.ts";
import type { SourceRouting } from "./describe.ts";

/** The record of a description. */
export function recordOf(
	{ containerId, ifName, netns }: Attachment & { readonly netns: string },
	{ routing, linkIndex }: { routing: SourceRouting; linkIndex: number },
): SourceRoutingRecord {
	return {
		containerId,
		ifName,
		sandbox: identifySandbox(netns),
		linkIndex,
		ownTables: routing.ownTables,
		rules: routing.rules.map(({ source, table }) => [formatAddress(source), table]),
		tableRoutes: routing.tableRoutes.map(toText),
		movedRoutes: routing.movedRoutes.map(toText),
		hints: routing.hints.map(toText),
	};
}

/** The inverse of {@link recordOf}. */
export function routingOf(record: SourceRoutingRecord): SourceRouting {
	return {
		ownTables: record.ownTables,
		rules: record.rules.flatMap(([text, table]) => {
			const source = parseAddress(text);
			return source === undefined ? [] : [{ source, table }];
		}),
		tableRoutes: record.tableRoutes.map(fromText),
		movedRoutes: record.movedRoutes.map(fromText),
		hints: record.hints.map(fromText),
	};
}

function toText({ body }: RouteCopy): string {
	return toHex(body);
}

function fromText(text: string): RouteCopy {
	return parseRouteCopy(fromHex(text));
}
