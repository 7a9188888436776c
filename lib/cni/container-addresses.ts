import type { IpPrefix } from "../ip/address.ts";
import type { Result } from "./result.ts";

/**
 * The container's first address of each family in the result of the plugins before: of the interface in question, or
 * of none that the result would tell.
 */
export function containerAddresses({ interfaces, ips }: Result, ifName: string): readonly IpPrefix[] {
	const own = ips
		.filter(({ interface: index }) => {
			const entry = index === undefined ? undefined : interfaces[index];
			return entry === undefined || (entry.name === ifName && entry.sandbox !== undefined);
		})
		.map(({ address }) => address);
	return [4, 6].flatMap((family) => own.find(({ address }) => address.family === family) ?? []);
}
