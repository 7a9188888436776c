import type { IpPrefix } from "../ip/address.ts";
import type { Result } from "./result.ts";

/** The addresses in a result that are of the container's interface `ifName`, or of none that the result would tell. */
export function attachmentIps({ interfaces, ips }: Result, ifName: string): readonly IpPrefix[] {
	return ips
		.filter(({ interface: index }) => {
			const entry = index === undefined ? undefined : interfaces[index];
			return entry === undefined || (entry.name === ifName && entry.sandbox !== undefined);
		})
		.map(({ address }) => address);
}
