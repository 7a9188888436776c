import { boolean, type Infer, integer, list, object, required, string } from "../cni/schema.ts";
import { rangeKeys, requestKeys } from "../range-ipam/config.ts";

/** What cluster reads of a network's configuration. */
export const clusterSchema = required(
	object({
		...requestKeys,
		ipam: object({
			...rangeKeys,
			/** Of etcd: `http://10.0.0.1:2379`. */
			endpoints: list(string("")),
			caFile: string(),
			certFile: string(),
			keyFile: string(),
			serverName: string(),
			user: string(),
			passwordFile: string(),
			/** Seconds. */
			timeout: integer(),
			prefix: string(),
			agent: string(),
			blocks: object({ ipv4: integer(), ipv6: integer() }),
			borrow: boolean(true),
			tokenLabel: string(),
		}),
	}),
);

export type ClusterConfig = Infer<typeof clusterSchema>;
