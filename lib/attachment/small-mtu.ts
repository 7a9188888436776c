import { CniError, ErrorCode } from "../cni/error.ts";
import type { Result } from "../cni/result.ts";

/**
 * An interface with less loses its IPv6 addresses, and a bridge as small as its port every container's gateway.
 *
 * @throws CniError code 7
 */
export function refuseSmallMtu(mtu: number | undefined, { ips }: Result): void {
	if (mtu === undefined || mtu >= minimumMtu6 || !ips.some(({ address }) => address.address.family === 6)) return;
	throw new CniError(ErrorCode.invalidNetworkConfig, `Cannot use IPv6 with an MTU of ${mtu}`, {
		details: `Set "mtu" to ${minimumMtu6} or more, or leave out the IPv6 addresses`,
	});
}

/** RFC 8200 section 5. */
const minimumMtu6 = 1280;
