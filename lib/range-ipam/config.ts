import { commonKeys } from "../cni/common-keys.ts";
import { type Infer, integer, list, object, required, string } from "../cni/schema.ts";
import { routeSchema } from "../ipam/route.ts";
import { mesosKey, mesosSchema } from "../mesos/network-info.ts";

const rangeSets = list(list(object({ subnet: string(), rangeStart: string(), rangeEnd: string(), gateway: string() })));

/** The keys of `ipam` for a plugin that hands out addresses of ranges. */
export const rangeKeys = {
	type: string(""),
	subnet: string(),
	rangeStart: string(),
	rangeEnd: string(),
	gateway: string(),
	ranges: rangeSets,
	routes: list(routeSchema),
	resolvConf: string(),
	dataDir: string(),
	/** Seconds that a released address rests. */
	cooldown: integer(),
};

/** What its callers add, beside `ipam`. */
export const requestKeys = {
	...commonKeys,
	runtimeConfig: object({ ipRanges: rangeSets, ips: list(string()) }),
	args: object({ cni: object({ ips: list(string()) }), [mesosKey]: mesosSchema }),
};

export const rangeSchema = required(object({ ...requestKeys, ipam: object(rangeKeys) }));

/** What such a plugin reads of a network's configuration; each may read more. */
export type RangeConfig = Infer<typeof rangeSchema>;
export type RangeSetsText = Infer<typeof rangeSets>;
