import { CniError, ErrorCode } from "../../../lib/cni/error.ts";
import { type SpecVersion, specVersions, versionAtLeast } from "../../../lib/cni/version.ts";
import { inMember, type Member } from "./member.ts";

/** The first version whose results are handed on from plugin to plugin. */
const firstWithPrevResult: SpecVersion = "0.3.0";

/**
 * The version in which the members run: the newest that all of them serve, whatever the chain's own caller speaks.
 *
 * @throws CniError of a member that cannot be asked, or code 1 naming the first that has no version in common with those
 * before it
 */
export async function commonVersion(members: readonly Member[]): Promise<SpecVersion> {
	let common = specVersions.filter((version) => versionAtLeast(version, firstWithPrevResult));
	for (const member of members) {
		const before = common;
		await inMember(member, async () => {
			const served = await member.delegate.versions();
			common = before.filter((version) => served.includes(version));
			if (common.length > 0) return;
			throw new CniError(ErrorCode.incompatibleVersion, "it serves no version that the others serve", {
				details: `It serves ${served.join(", ") || "none that is known"}. Possible here: ${before.join(", ")}`,
			});
		});
	}
	return common.at(-1) ?? firstWithPrevResult;
}
