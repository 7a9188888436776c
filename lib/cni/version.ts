import { CniError, ErrorCode } from "./error.ts";

/** Every version of the specification, oldest first. */
export const specVersions = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const;
export type SpecVersion = (typeof specVersions)[number];

/** What a configuration without `cniVersion` means; Mesos relies on it. */
export const unsetVersion: SpecVersion = "0.1.0";
export const latestVersion: SpecVersion = "1.1.0";

/** Versions that share one shape of result. */
export type ResultFamily = "legacy" | "lists" | "current";

export function resultFamilyOf(version: SpecVersion): ResultFamily {
	if (version === "0.1.0" || version === "0.2.0") return "legacy";
	return version.startsWith("0.") ? "lists" : "current";
}

export function versionsOf(family: ResultFamily): readonly SpecVersion[] {
	return specVersions.filter((version) => resultFamilyOf(version) === family);
}

export function isSpecVersion(text: string): text is SpecVersion {
	return (specVersions as readonly string[]).includes(text);
}

/** Whether `version` is `minimum` or newer. */
export function versionAtLeast(version: SpecVersion, minimum: SpecVersion): boolean {
	return specVersions.indexOf(version) >= specVersions.indexOf(minimum);
}

export type VersionNumbers = readonly [major: number, minor: number, micro: number];

/** Parses `1`, `1.0` or `1.0.0`; missing parts are 0, the empty string is 0.1.0. */
export function parseVersion(text: string): VersionNumbers {
	const parts = (text === "" ? unsetVersion : text).split(".");
	if (parts.length > 3) throw new CniError(ErrorCode.decodingFailure, `invalid version "${text}": too many parts`);
	const numbers = ["major", "minor", "micro"].map((name, index) => {
		const part = parts[index] ?? "0";
		if (/^[+-]?\d+$/.test(part)) return Number(part);
		throw new CniError(
			ErrorCode.decodingFailure,
			`failed to convert ${name} version part "${part}": "${part}" is not a number`,
		);
	});
	return [numbers[0] ?? 0, numbers[1] ?? 0, numbers[2] ?? 0];
}

export function compareVersions(a: VersionNumbers, b: VersionNumbers): number {
	return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}
