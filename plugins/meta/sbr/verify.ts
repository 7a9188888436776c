import type { Sandbox } from "../../../lib/attachment/sandbox.ts";
import { CniError, ErrorCode } from "../../../lib/cni/error.ts";
import type { ResultIp } from "../../../lib/cni/result.ts";
import { type Family, formatAddress, formatPrefix, sameAddress, samePrefix } from "../../../lib/ip/address.ts";
import { listLinkRoutes, type RouteCopy } from "../../../lib/netlink/route-copy.ts";
import { listRules, rulesFrom } from "../../../lib/netlink/rule.ts";
import { routeTextOf } from "./apply.ts";
import type { SourceRouting } from "./describe.ts";

export interface Wanted {
	readonly ips: readonly ResultIp[];
	readonly linkIndex: number;
	/** What ADD has kept; undefined where the reference has done the ADD, or the record is lost. */
	readonly routing: SourceRouting | undefined;
	/** The operator's table. */
	readonly table: number | undefined;
}

/** Compares rules and routes with what ADD has made. @throws CniError naming the first difference */
export function verifyRouting({ socket }: Sandbox, { ips, linkIndex, routing, table }: Wanted): void {
	const rules = listRules(socket);
	for (const { address } of ips) {
		const kept = routing?.rules.find(({ source }) => sameAddress(source, address.address))?.table;
		const expected = kept ?? table;
		const found = rulesFrom(rules, address.address);
		if (!found.some((rule) => expected === undefined || rule.table === expected)) {
			throw fault(
				`Rule from ${formatPrefix(address)} to table ${expected ?? "of its own"} not found`,
				expected === undefined
					? "DEL and ADD make it again"
					: `Put it back with: ip ${family(address.address.family)} rule add from ${formatAddress(address.address)} lookup ${expected}`,
			);
		}
	}
	if (routing === undefined) return;
	const present = listLinkRoutes(socket, linkIndex);
	for (const wanted of [...routing.tableRoutes, ...routing.hints]) {
		if (!present.some((route) => isSame(route, wanted))) throw fault(`Expected Route ${routeTextOf(wanted)} not found`);
	}
	const back = routing.movedRoutes.find((moved) => present.some((route) => isSame(route, moved)));
	if (back !== undefined) {
		throw fault(
			`Route ${routeTextOf(back)} is there again`,
			"ADD moved it to a table of its own; somebody has added it since",
		);
	}
}

function family(version: Family): string {
	return version === 4 ? "-4" : "-6";
}

/** What a request leaves open, the kernel has chosen. */
function isSame(route: RouteCopy, wanted: RouteCopy): boolean {
	return (
		route.table === wanted.table &&
		samePrefix(route.destination, wanted.destination) &&
		(wanted.priority === 0 || route.priority === wanted.priority) &&
		(wanted.source === undefined || sameAddress(route.source, wanted.source)) &&
		wanted.hops.every((hop) => route.hops.some(({ gateway }) => sameAddress(gateway, hop.gateway)))
	);
}

function fault(message: string, details = ""): CniError {
	return new CniError(ErrorCode.internal, message, { details });
}
