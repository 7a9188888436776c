import type { InstalledRoute } from "./route.ts";
import { listAllRoutes } from "./route-copy.ts";
import { listRules } from "./rule.ts";
import type { NetlinkSocket } from "./wire/socket.ts";

/** `default`, `main` and `local`: never free, even while they are empty. */
const reserved: readonly number[] = [253, 254, 255];

/**
 * The routing tables that a rule names or that hold a route, and the kernel's own.
 *
 * @param routes all that there are
 * @throws NetlinkError
 */
export function usedTables(
	socket: NetlinkSocket,
	routes: readonly InstalledRoute[] = listAllRoutes(socket),
): ReadonlySet<number> {
	return new Set([...reserved, ...listRules(socket).map(({ table }) => table), ...routes.map(({ table }) => table)]);
}

/** The first table from `start` on that nobody uses. */
export function firstFreeTable(used: ReadonlySet<number>, start: number): number {
	let table = start;
	while (used.has(table)) table++;
	return table;
}
