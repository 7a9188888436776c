import { commonKeys } from "../../../lib/cni/common-keys.ts";
import { type Infer, integer, list, object, required, string } from "../../../lib/cni/schema.ts";
import { routeSchema } from "../../../lib/ipam/route.ts";
import { mesosKey, mesosSchema } from "../../../lib/mesos/network-info.ts";

const range = object({ subnet: string(), rangeStart: string(), rangeEnd: string(), gateway: string() });

const rangeSets = list(list(range));

/** What host-local reads of a network's configuration. */
export const hostLocalSchema = required(
	object({
		...commonKeys,
		ipam: object({
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
		}),
		runtimeConfig: object({ ipRanges: rangeSets, ips: list(string()) }),
		args: object({ cni: object({ ips: list(string()) }), [mesosKey]: mesosSchema }),
	}),
);

export type HostLocalConfig = Infer<typeof hostLocalSchema>;
export type RangeSetsText = Infer<typeof rangeSets>;
