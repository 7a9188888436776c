import { CniError, ErrorCode, toCniError } from "../../../lib/cni/error.ts";
import type { AddRequest, AttachmentRequest, Plugin } from "../../../lib/cni/plugin.ts";
import type { Result } from "../../../lib/cni/result.ts";
import { createTeardown } from "../../../lib/cni/teardown.ts";
import { specVersions } from "../../../lib/cni/version.ts";
import { applyGroups, collectGroups, probeGroups, removeGroups, verifyGroups } from "../../../lib/firewall/groups.ts";
import { type GroupsConfig, groupsSchema, parseSettings } from "./config.ts";
import { describeMember } from "./describe-member.ts";

/** Says which containers may talk to each other. docs/plugins/groups.md */
export const groups: Plugin<GroupsConfig> = {
	type: "groups",
	versions: specVersions,
	schema: groupsSchema,

	add(request: AddRequest<GroupsConfig>): Result {
		const settings = parseSettings(request.config);
		const { prevResult, log, rollback, shared } = request;
		if (prevResult === undefined) {
			throw new CniError(ErrorCode.invalidNetworkConfig, "must be called as chained plugin", {
				details: 'Put groups behind the plugin that makes the interface, in "plugins" of a .conflist or of a chain',
			});
		}
		const member = log.step("interface", () => describeMember(request, { settings, prevResult }));
		log.step("groups", () => applyGroups(request, { member, rollback, shared }));
		return prevResult;
	},

	check(request: AttachmentRequest<GroupsConfig>): void {
		const settings = parseSettings(request.config);
		const { prevResult } = request;
		if (prevResult === undefined) {
			throw new CniError(ErrorCode.internal, "Required prevResult missing", {
				details: "CHECK takes the result of ADD as prevResult; runtimes cache it",
			});
		}
		const member = describeMember(request, { settings, prevResult });
		verifyGroups(member);
	},

	/** By what is on record: neither configuration nor result is needed. */
	async del(request) {
		const teardown = createTeardown(request.log);
		await teardown.step("groups", () => removeGroups(request, { shared: request.shared }));
		teardown.finish();
	},

	async gc({ network, validAttachments, log }) {
		const teardown = createTeardown(log);
		await teardown.step("groups", () => collectGroups(network, validAttachments));
		teardown.finish();
	},

	status({ config }) {
		parseSettings(config);
		try {
			probeGroups();
		} catch (thrown) {
			const { message, details } = toCniError(thrown);
			throw new CniError(ErrorCode.pluginNotAvailable, `Cannot keep groups: ${message}`, { details, cause: thrown });
		}
	},
};
