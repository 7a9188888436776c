import { CniError, ErrorCode } from "./error.ts";
import type { Verb } from "./verb.ts";
import { compareVersions, isSpecVersion, parseVersion, type SpecVersion, unsetVersion } from "./version.ts";

/** The first version of the specification that has the command. */
const introducedIn: Partial<Record<Verb, SpecVersion>> = { CHECK: "0.4.0", GC: "1.1.0", STATUS: "1.1.0" };

/**
 * The version of a configuration, if its commands and the plugin allow `verb`: it must be one that the plugin serves,
 * to the letter, and not older than the command.
 *
 * @throws CniError code 1, or 6 when the version of a newer command is no version at all
 */
export function negotiateVersion(
	text: string,
	{ verb, supported }: { verb: Verb; supported: readonly SpecVersion[] },
): SpecVersion {
	const minimum = introducedIn[verb];
	if (minimum !== undefined) {
		const numbers = parseVersion(text);
		if (compareVersions(numbers, parseVersion(minimum)) < 0) throw notAllowed("config", verb);
		if (!supported.some((version) => compareVersions(parseVersion(version), numbers) >= 0)) {
			throw notAllowed("plugin", verb);
		}
	}
	const version = text === "" ? unsetVersion : text;
	if (isSpecVersion(version) && supported.includes(version)) return version;
	throw new CniError(ErrorCode.incompatibleVersion, "incompatible CNI versions", {
		details: `config is "${version}", plugin supports [${supported.map((each) => `"${each}"`).join(" ")}]`,
	});
}

function notAllowed(whose: "config" | "plugin", verb: Verb): CniError {
	return new CniError(ErrorCode.incompatibleVersion, `${whose} version does not allow ${verb}`);
}
