import { openSandbox, openSandboxIfPresent } from "../../../lib/attachment/sandbox.ts";
import { CniError, ErrorCode } from "../../../lib/cni/error.ts";
import type { AttachmentRequest, Plugin } from "../../../lib/cni/plugin.ts";
import type { Result } from "../../../lib/cni/result.ts";
import { createTeardown } from "../../../lib/cni/teardown.ts";
import { specVersions } from "../../../lib/cni/version.ts";
import { Errno } from "../../../lib/linux/errno.ts";
import { lockOpenFile } from "../../../lib/linux/file-lock.ts";
import { openRouteSocket } from "../../../lib/netlink/rtnetlink.ts";
import { probeVrf } from "../../../lib/netlink/vrf.ts";
import { collectRecords } from "../../../lib/state/collect-records.ts";
import { pathUnlessGone } from "../../../lib/state/sandbox-identity.ts";
import type { VrfRecord } from "../../../lib/state/vrf-record.ts";
import { parseSettings, recordsOf, type VrfConfig, vrfSchema } from "./config.ts";
import { removeIfUnused } from "./device.ts";
import { enslave } from "./enslave.ts";
import { release } from "./release.ts";
import { verifyVrf } from "./verify.ts";

/*
 * Calls for one namespace wait for each other (flock(2) on the namespace itself, which ends with the process): two that
 * choose a table at the same time would choose the same, and one could remove the VRF that the other is about to use.
 */

/** Puts an interface of a container into a VRF: a routing table of its own. docs/plugins/vrf.md */
export const vrf: Plugin<VrfConfig> = {
	type: "vrf",
	versions: specVersions,
	schema: vrfSchema,

	add(request) {
		const settings = parseSettings(request.config);
		const prevResult = requirePrevResult(request);
		using sandbox = openSandbox(request.netns);
		lockOpenFile(sandbox.namespace.fd);
		request.log.step("vrf", () => enslave(sandbox, { request, settings }));
		return prevResult;
	},

	check(request) {
		const settings = parseSettings(request.config);
		requirePrevResult(request);
		using sandbox = openSandbox(request.netns);
		verifyVrf(sandbox, { ifName: request.ifName, settings, record: recordsOf(request).read(request) });
	},

	/** As ADD has kept it; without that, as the configuration says. */
	async del(request) {
		const { config, ifName, netns, log } = request;
		const teardown = createTeardown(log);
		const records = recordsOf(request);
		await teardown.step("vrf", () => {
			const record = records.read(request);
			takeOut({
				netns: netns || pathUnlessGone(record?.sandbox),
				ifName,
				vrf: record?.vrf ?? config.vrfname,
				record,
				log,
			});
			// Last: whoever has to try again needs it.
			records.remove(request);
		});
		teardown.finish();
	},

	async gc({ config, network, validAttachments, log }) {
		const teardown = createTeardown(log);
		await collectRecords(teardown, {
			records: recordsOf({ config, network }),
			validAttachments,
			what: "vrf",
			undo(record) {
				takeOut({ netns: pathUnlessGone(record.sandbox), ifName: record.ifName, vrf: record.vrf, record, log });
			},
		});
		teardown.finish();
	},

	status({ config }) {
		parseSettings(config);
		using host = openRouteSocket();
		const [error] = host.requestAll([probeVrf()]);
		if (error?.errno !== Errno.EOPNOTSUPP) return;
		throw new CniError(ErrorCode.pluginNotAvailable, "Cannot make a VRF: the kernel has none", {
			details: "It needs CONFIG_NET_VRF: modprobe vrf",
		});
	},
};

interface Work {
	readonly netns: string;
	readonly ifName: string;
	readonly vrf: string;
	readonly record: VrfRecord | undefined;
	readonly log: AttachmentRequest<VrfConfig>["log"];
}

/** Releases the interface, and removes the VRF with its last one. */
function takeOut({ netns, log, ...work }: Work): void {
	if (work.vrf === "") return;
	using sandbox = openSandboxIfPresent(netns, log);
	if (sandbox === undefined) return;
	lockOpenFile(sandbox.namespace.fd);
	for (const complaint of release(sandbox, work)) log.warn(complaint);
	removeIfUnused(sandbox.socket, work.vrf);
}

function requirePrevResult({ prevResult }: AttachmentRequest<VrfConfig>): Result {
	if (prevResult !== undefined) return prevResult;
	throw new CniError(ErrorCode.invalidNetworkConfig, "missing prevResult from earlier plugin", {
		details: 'Put vrf behind the plugin that makes the interface, in "plugins" of a .conflist',
	});
}
