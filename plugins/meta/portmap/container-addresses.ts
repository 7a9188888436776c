import { attachmentIps } from "../../../lib/cni/attachment-ips.ts";
import type { Result } from "../../../lib/cni/result.ts";
import type { IpPrefix } from "../../../lib/ip/address.ts";

/** The container's first address of each family in the result of the plugins before. */
export function containerAddresses(result: Result, ifName: string): readonly IpPrefix[] {
	const own = attachmentIps(result, ifName);
	return [4, 6].flatMap((family) => own.find(({ address }) => address.family === family) ?? []);
}
