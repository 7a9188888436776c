import { requireEncodable } from "../../../lib/cni/encode-result.ts";
import { CniError, ErrorCode } from "../../../lib/cni/error.ts";
import type { AddRequest } from "../../../lib/cni/plugin.ts";
import { emptyResult, type Result } from "../../../lib/cni/result.ts";
import { removeChainResult, writeChainResult } from "../../../lib/state/chain-result.ts";
import { commonVersion } from "./common-version.ts";
import { type ChainConfig, capabilitiesOf, refuseMisplaced } from "./config.ts";
import { placeOf, readKept } from "./kept-result.ts";
import { inMember, type Member, membersOf } from "./member.ts";
import { callMember, type Round } from "./member-call.ts";

/** ADD: every member in order, each given the result of the one before; the last one's is that of the chain. */
export async function add(request: AddRequest<ChainConfig>): Promise<Result> {
	const { config, network, rollback, log } = request;
	refuseMisplaced(config);
	const members = membersOf(request);
	const capabilityArgs = capabilitiesOf(request);
	const version = await log.step("members", () => commonVersion(members));
	refuseSecond(request);

	const result = await addMembers(members, { request, round: { verb: "ADD", network, version, capabilityArgs, log } });
	// The members answer in a version that can carry it; what the chain cannot say shall not stay.
	requireEncodable(result, request.cniVersion);
	rollback.push("result of the chain", () => removeChainResult(placeOf(request), request));
	log.step("result", () => writeChainResult(placeOf(request), { attachment: request, kept: { version, result } }));
	return result;
}

interface Addition {
	readonly request: AddRequest<ChainConfig>;
	readonly round: Round;
}

async function addMembers(members: readonly Member[], { request, round }: Addition): Promise<Result> {
	let result = request.prevResult;
	for (const member of members) {
		const undo = () =>
			request.rollback.push(member.title, async () => {
				await callMember(member, { ...round, verb: "DEL" }, result);
			});
		const own = await member.delegate.isOwn();
		// An executed plugin may have failed half way, and is owed a DEL.
		if (!own) undo();
		const answer = await callMember(member, round, result);
		if (own) undo();
		result = await inMember(member, async () => answer.result());
	}
	return result ?? emptyResult;
}

/** Members need not notice a second ADD, and would take the first one back with it when a later member does. */
function refuseSecond(request: AddRequest<ChainConfig>): void {
	if (readKept(request) === undefined) return;
	const { containerId, ifName, network } = request;
	throw new CniError(
		ErrorCode.internal,
		`Cannot add interface "${ifName}" of container "${containerId}" to network "${network}": it was added already`,
		{ details: "DEL it before the next ADD" },
	);
}
