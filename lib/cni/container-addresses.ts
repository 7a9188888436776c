import type { IpPrefix } from "../ip/address.ts";
import type { Result } from "./result.ts";

/** The container's first address of each family in the result of the plugins before; see {@link allContainerAddresses}. */
export function containerAddresses(result: Result, ifName: string): readonly IpPrefix[] {
	const own = allContainerAddresses(result, ifName);
	return [4, 6].flatMap((family) => own.find(({ address }) => address.family === family) ?? []);
}

/** The addresses in a result that are of the container's interface `ifName`, or of none that the result would tell. */
export function allContainerAddresses({ interfaces, ips }: Result, ifName: string): readonly IpPrefix[] {
	return ips
		.filter(({ interface: index }) => {
			const entry = index === undefined ? undefined : interfaces[index];
			return entry === undefined || (entry.name === ifName && entry.sandbox !== undefined);
		})
		.map(({ address }) => address);
}
