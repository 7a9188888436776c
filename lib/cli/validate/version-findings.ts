import { toCniError } from "../../cni/error.ts";
import { compareVersions, isSpecVersion, latestVersion, parseVersion, specVersions } from "../../cni/version.ts";
import type { Finding } from "./finding.ts";

/** What is to be said about the version that a network's plugins are told. */
export function versionFindings(
	cniVersion: string,
	{ path, kind }: { path: string; kind: "conflist" | "conf" },
): Finding[] {
	if (cniVersion === "") {
		const message = "no version: plugins answer as 0.1.0, and CHECK, GC and STATUS do not reach them";
		// A single configuration without a version is what Mesos needs.
		if (kind === "conf") return [{ severity: "note", path, message }];
		return [{ severity: "warning", path, message: `${message}. Write "cniVersion": "${latestVersion}"` }];
	}
	if (!isSpecVersion(cniVersion)) return [{ severity: "error", path, message: describe(cniVersion) }];
	const numbers = parseVersion(cniVersion);
	if (compareVersions(numbers, [0, 4, 0]) < 0) {
		return [{ severity: "note", path, message: `${cniVersion} has no CHECK, GC and STATUS, and DEL gets no result` }];
	}
	if (compareVersions(numbers, [1, 1, 0]) < 0) {
		return [{ severity: "note", path, message: `GC and STATUS came with 1.1.0; ${cniVersion} has neither` }];
	}
	return [];
}

function describe(cniVersion: string): string {
	try {
		if (compareVersions(parseVersion(cniVersion), parseVersion(latestVersion)) > 0) {
			return `${cniVersion} is newer than ${latestVersion}, the newest that these plugins serve. Add "cniVersions" with the versions that will do`;
		}
	} catch (thrown) {
		return `${toCniError(thrown).message}. Versions are ${specVersions.join(", ")}`;
	}
	return `"${cniVersion}" is no version of the specification. Versions are ${specVersions.join(", ")}`;
}
