import { commonKeys } from "../../../lib/cni/common-keys.ts";
import { boolean, type Infer, integer, list, object, required, string } from "../../../lib/cni/schema.ts";
import { defaultDhcpSocket } from "../../../lib/state/dhcp-leases.ts";

/** What dhcp reads of a network's configuration; docs/plugins/dhcp.md explains each key. */
export const dhcpSchema = required(
	object({
		...commonKeys,
		ipam: object({
			type: string(""),
			daemonSocketPath: string(""),
			provide: list(required(object({ option: string(""), value: string(""), fromArg: string("") }))),
			request: list(required(object({ skipDefault: boolean(false), option: string("") }))),
			priority: integer(0),
		}),
	}),
);

export type DhcpConfig = Infer<typeof dhcpSchema>;

export function socketPathOf({ ipam }: DhcpConfig): string {
	return ipam?.daemonSocketPath || defaultDhcpSocket;
}
