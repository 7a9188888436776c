import { CniError, ErrorCode } from "../cni/error.ts";
import type { ResultRoute } from "../cni/result.ts";
import { type Infer, integer, object, string } from "../cni/schema.ts";
import { optionalAddress, requiredPrefix } from "./range.ts";

/** A route of `ipam.routes`. */
export const routeSchema = object({
	dst: string(),
	gw: string(),
	mtu: integer(),
	advmss: integer(),
	priority: integer(),
	table: integer(),
	scope: integer(),
});

export type RouteText = Infer<typeof routeSchema>;

/** The route as results carry it: nothing is filled in, host bits of the destination stay. @throws CniError code 7 */
export function parseRoute(text: RouteText): ResultRoute {
	if (text?.dst === undefined || text.dst === "") {
		throw new CniError(ErrorCode.invalidNetworkConfig, `Cannot read a route of "ipam.routes": it has no "dst"`, {
			details: `Give the destination, such as "0.0.0.0/0"`,
		});
	}
	const { mtu, advmss, priority, table, scope } = text;
	for (const [key, value] of Object.entries({ mtu, advmss, priority, table, scope })) requireRoom(key, value);
	const gw = optionalAddress(text.gw);
	return {
		dst: requiredPrefix(text.dst),
		...(gw === undefined ? {} : { gw }),
		...(mtu === undefined ? {} : { mtu }),
		...(advmss === undefined ? {} : { advmss }),
		...(priority === undefined ? {} : { priority }),
		...(table === undefined ? {} : { table }),
		...(scope === undefined ? {} : { scope }),
	};
}

const largest: Readonly<Record<string, number>> = { scope: 0xff };

/** The kernel has 32 bits for each, and 8 for the scope: a number that is cut off would mean something else. */
function requireRoom(key: string, value: number | undefined): void {
	const most = largest[key] ?? 0xffff_ffff;
	if (value === undefined || (value >= 0 && value <= most)) return;
	throw new CniError(ErrorCode.invalidNetworkConfig, `Cannot use "${key}" ${value} of a route in "ipam.routes"`, {
		details: `It must be between 0 and ${most}`,
	});
}
