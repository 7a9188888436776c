import { CniError, ErrorCode } from "../../../lib/cni/error.ts";

/**
 * The path below /proc/sys that a key of the configuration means: `net.ipv4.conf.IFNAME.arp_filter` with dots or
 * slashes, where the first `IFNAME` stands for the interface. Dots in the interface's name stay what they are.
 *
 * @throws CniError code 7 for a parameter that does not belong to the network namespace
 */
export function sysctlPath(key: string, ifName: string): string {
	const translated = key.replaceAll(".", "/").replace("IFNAME", () => ifName);
	const path = translated.split("/").filter((part) => part !== "");
	// No part is ".." here: dots have become slashes, and no interface has that name; but nothing may depend on it.
	if (path[0] === "net" && path.length > 1 && !path.some((part) => part === "." || part === ".."))
		return path.join("/");
	throw new CniError(ErrorCode.invalidNetworkConfig, `invalid net sysctl key: "${translated}"`, {
		details: 'Only parameters below "net." belong to a container\'s network',
	});
}
