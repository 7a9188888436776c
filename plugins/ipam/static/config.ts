import { commonKeys, dnsSchema } from "../../../lib/cni/common-keys.ts";
import { type Infer, list, object, required, string } from "../../../lib/cni/schema.ts";
import { routeSchema } from "../../../lib/ipam/route.ts";

/** What static reads of a network's configuration; docs/plugins/static.md explains each key. */
export const staticSchema = required(
	object({
		...commonKeys,
		ipam: object({
			type: string(""),
			/** `version` is accepted, and told from the address. */
			addresses: list(required(object({ address: string(""), gateway: string(""), version: string("") }))),
			routes: list(routeSchema),
			dns: dnsSchema,
		}),
		runtimeConfig: object({ ips: list(string("")) }),
		args: object({ cni: object({ ips: list(string("")) }) }),
	}),
);

export type StaticConfig = Infer<typeof staticSchema>;
