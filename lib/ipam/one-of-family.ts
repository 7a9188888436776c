import { CniError, ErrorCode } from "../cni/error.ts";
import { type SpecVersion, versionAtLeast } from "../cni/version.ts";
import type { Family } from "../ip/address.ts";

/**
 * Results before 0.3.0 have room for one address of each family.
 *
 * @param families of the addresses, in any order
 * @param given.remedy beside a newer version
 * @throws CniError code 7
 */
export function requireOneOfFamily(
	families: readonly Family[],
	{ cniVersion, remedy }: { cniVersion: SpecVersion; remedy: string },
): void {
	if (versionAtLeast(cniVersion, "0.3.0") || new Set(families).size === families.length) return;
	throw new CniError(
		ErrorCode.invalidNetworkConfig,
		`CNI version ${cniVersion} does not support more than 1 address per family`,
		{ details: `Set "cniVersion" to "0.3.0" or later, or ${remedy}` },
	);
}
