import { CniError, ErrorCode } from "../../../lib/cni/error.ts";
import type { AttachmentRequest } from "../../../lib/cni/plugin.ts";
import { versionAtLeast } from "../../../lib/cni/version.ts";
import { commonVersion } from "./common-version.ts";
import { type ChainConfig, capabilitiesOf, refuseMisplaced } from "./config.ts";
import { readKept } from "./kept-result.ts";
import { membersOf } from "./member.ts";
import { callMember, type Round } from "./member-call.ts";

/** CHECK: every member in order; the first that says no ends it. */
export async function check(request: AttachmentRequest<ChainConfig>): Promise<void> {
	const { config, network, log } = request;
	refuseMisplaced(config);
	const members = membersOf(request);
	const capabilityArgs = capabilitiesOf(request);
	if (config.disableCheck) return;
	const kept = readKept(request);
	const version = kept?.version ?? (await commonVersion(members));
	if (!versionAtLeast(version, "0.4.0")) {
		throw new CniError(ErrorCode.incompatibleVersion, "Cannot check the chain: a member serves no version with CHECK", {
			details: `The newest version that all members serve is ${version}. Update the member, or set "disableCheck"`,
		});
	}
	const round: Round = { verb: "CHECK", network, version, capabilityArgs, log };
	const prevResult = request.prevResult ?? kept?.result ?? missing(request);
	for (const member of members) await callMember(member, round, prevResult);
}

/** Without the runtime's the chain's own tells what should be. */
function missing({ containerId, ifName }: AttachmentRequest<ChainConfig>): never {
	throw new CniError(
		ErrorCode.internal,
		`Cannot check interface "${ifName}" of container "${containerId}": nothing is known of its ADD`,
		{ details: 'The configuration has no "prevResult", and nothing is kept in "stateDir"' },
	);
}
