import { messageOf } from "../../../lib/cni/error.ts";
import type { AttachmentRequest } from "../../../lib/cni/plugin.ts";
import { createTeardown } from "../../../lib/cni/teardown.ts";
import { latestVersion, type SpecVersion } from "../../../lib/cni/version.ts";
import { removeChainResult } from "../../../lib/state/chain-result.ts";
import { commonVersion } from "./common-version.ts";
import { type ChainConfig, capabilitiesOf } from "./config.ts";
import { placeOf, readKept } from "./kept-result.ts";
import { type Member, readableMembersOf } from "./member.ts";
import { callMember, type Round } from "./member-call.ts";

/** DEL: every member in reverse order, whatever became of the others. */
export async function del(request: AttachmentRequest<ChainConfig>): Promise<void> {
	const { network, log } = request;
	const members = readableMembersOf(request);
	const kept = readKept(request);
	const version = kept?.version ?? (await versionFor(members));
	const round: Round = { verb: "DEL", network, version, capabilityArgs: capabilityArgsOrNone(request), log };
	const prevResult = request.prevResult ?? kept?.result;
	const teardown = createTeardown(log);
	for (const member of members.toReversed()) {
		await teardown.step(member.title, async () => {
			await callMember(member, round, prevResult);
		});
	}
	teardown.finish();
	// Only now: a DEL that is tried again finds it.
	removeChainResult(placeOf(request), request);
}

/** That of an ADD, as far as the members can be asked; one that cannot be will say so itself. */
async function versionFor(members: readonly Member[]): Promise<SpecVersion> {
	const reachable: Member[] = [];
	for (const member of members) {
		if (await canBeAsked(member)) reachable.push(member);
	}
	return await commonVersion(reachable).catch(() => latestVersion);
}

async function canBeAsked({ delegate }: Member): Promise<boolean> {
	return await delegate.versions().then(
		() => true,
		() => false,
	);
}

/** A DEL needs them less than anything: what members have made they find by its owner. */
function capabilityArgsOrNone(request: AttachmentRequest<ChainConfig>): Readonly<Record<string, unknown>> {
	try {
		return capabilitiesOf(request);
	} catch (thrown) {
		request.log.warn(`Ignored in the configuration: ${messageOf(thrown)}`);
		return {};
	}
}
