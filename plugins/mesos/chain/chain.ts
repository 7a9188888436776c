import type { Plugin } from "../../../lib/cni/plugin.ts";
import { attachmentKeys } from "../../../lib/cni/plugin-request.ts";
import { createTeardown } from "../../../lib/cni/teardown.ts";
import { type SpecVersion, specVersions } from "../../../lib/cni/version.ts";
import { collectChainResults } from "../../../lib/state/chain-result.ts";
import { add } from "./add.ts";
import { check } from "./check.ts";
import { commonVersion } from "./common-version.ts";
import { type ChainConfig, capabilitiesOf, chainSchema, refuseMisplaced } from "./config.ts";
import { del } from "./del.ts";
import { placeOf } from "./kept-result.ts";
import { inMember, type Member, membersOf, readableMembersOf } from "./member.ts";
import { callMember } from "./member-call.ts";

/** Runs a whole list of plugins in one call, for runtimes that know of single plugins only. docs/plugins/chain.md */
export const chain: Plugin<ChainConfig> = {
	type: "chain",
	versions: specVersions,
	schema: chainSchema,
	add,
	check,
	del,

	async gc(request) {
		const { config, network, validAttachments, log } = request;
		if (config.disableGC) return;
		const extra = attachmentKeys(validAttachments);
		const teardown = createTeardown(log);
		for (const member of readableMembersOf(request)) {
			await teardown.step(member.title, async () => {
				if (!(await serves(member))) return;
				await callMember(member, { verb: "GC", network, version: newVerbs, extra, log });
			});
		}
		await teardown.step("results of the chain", () => collectChainResults(placeOf(request), validAttachments));
		teardown.finish();
	},

	/** Also whatever else would make an ADD fail before its first member is called. */
	async status(request) {
		const { config, network, log } = request;
		refuseMisplaced(config);
		const members = membersOf(request);
		capabilitiesOf(request);
		await commonVersion(members);
		for (const member of members) {
			if (await serves(member)) await callMember(member, { verb: "STATUS", network, version: newVerbs, log });
		}
	},
};

/** GC and STATUS came with it. They hand no results on, so each member is asked that serves it. */
const newVerbs: SpecVersion = "1.1.0";

async function serves(member: Member): Promise<boolean> {
	return await inMember(member, async () => (await member.delegate.versions()).includes(newVerbs));
}
