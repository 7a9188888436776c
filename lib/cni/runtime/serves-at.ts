import { compareVersions, parseVersion, type SpecVersion } from "../version.ts";

/** Whether a network of this version has what came with `minimum`. @throws CniError code 6 when it is no version */
export function servesAt(cniVersion: string, minimum: SpecVersion): boolean {
	return compareVersions(parseVersion(cniVersion), parseVersion(minimum)) >= 0;
}
