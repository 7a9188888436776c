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
