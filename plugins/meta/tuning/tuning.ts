import { isOfAnother } from "../../../lib/attachment/link-owner.ts";
import { openSandbox, openSandboxIfPresent } from "../../../lib/attachment/sandbox.ts";
import { CniError, ErrorCode } from "../../../lib/cni/error.ts";
import { type AttachmentRequest, type NetworkRequest, type Plugin, sameAttachment } from "../../../lib/cni/plugin.ts";
import type { Result } from "../../../lib/cni/result.ts";
import { createTeardown } from "../../../lib/cni/teardown.ts";
import { specVersions } from "../../../lib/cni/version.ts";
import { findLink } from "../../../lib/netlink/link.ts";
import { isSandboxGone } from "../../../lib/state/sandbox-identity.ts";
import { listTuning, readTuning, removeTuning, retainTuning } from "../../../lib/state/tuning-record.ts";
import { requireAllowed } from "./allow-list.ts";
import { applySettings } from "./apply.ts";
import {
	duplicate,
	parseSettings,
	type TuningConfig,
	type TuningSettings,
	tuningDirectory,
	tuningSchema,
} from "./config.ts";
import { duplicateSysctl } from "./duplicate-sysctls.ts";
import { putBack } from "./put-back.ts";
import { verifySettings } from "./verify.ts";

/** Sets kernel parameters of a container's network and attributes of its interface. docs/plugins/tuning.md */
export const tuning: Plugin<TuningConfig> = {
	type: "tuning",
	versions: specVersions,
	schema: tuningSchema,

	add(request) {
		refuseDuplicates(request);
		const settings = parseSettings(request.config, request);
		requireAllowed(settings.sysctls);
		const prevResult = requirePrevResult(request);
		if (isEmpty(settings)) return prevResult;
		using sandbox = openSandbox(request.netns);
		request.log.step("tuning", () => applySettings(sandbox, { request, settings }));
		return withMac(prevResult, { ifName: request.ifName, mac: settings.mac });
	},

	check(request) {
		refuseDuplicates(request);
		const settings = parseSettings(request.config, request);
		requirePrevResult(request);
		using sandbox = openSandbox(request.netns);
		verifySettings(sandbox, { ifName: request.ifName, settings });
	},

	/** Puts back what ADD found, as it was kept, whatever the configuration says now. */
	async del(request) {
		const { config, log, netns, ifName } = request;
		const teardown = createTeardown(log);
		await teardown.step("tuning", () => {
			const dataDir = tuningDirectory(config);
			const state = readTuning(dataDir, request);
			const sandbox = state.record?.sandbox;
			const known = sandbox === undefined || isSandboxGone(sandbox) ? "" : sandbox.path;
			// The reference's file says nothing of the network: it may be that of another one, whose interface has the name.
			if (state.record === undefined && isInterfaceOfAnother(request)) return;
			for (const complaint of putBack({ netns: netns || known, ifName, state })) log.warn(complaint);
			removeTuning(dataDir, request);
		});
		teardown.finish();
	},

	async gc({ config, network, validAttachments, log }) {
		const teardown = createTeardown(log);
		const dataDir = tuningDirectory(config);
		const stale = listTuning(dataDir, network).filter(
			(record) => !validAttachments.some((valid) => sameAttachment(valid, record)),
		);
		for (const record of stale) {
			await teardown.step("tuning", () => {
				const attachment = { network, containerId: record.containerId, ifName: record.ifName };
				if (!isSandboxGone(record.sandbox)) {
					const state = readTuning(dataDir, attachment);
					for (const complaint of putBack({ netns: record.sandbox.path, ifName: record.ifName, state })) {
						log.warn(complaint);
					}
				}
				removeTuning(dataDir, attachment);
			});
		}
		// What a killed ADD had begun to write has changed nothing yet.
		await teardown.step("records", () => retainTuning(dataDir, { network, attachments: validAttachments }));
		teardown.finish();
	},

	status(request) {
		refuseDuplicates(request);
		// Any name will do: it decides about nothing but the path.
		requireAllowed(parseSettings(request.config, { ifName: "eth0", args: "" }).sysctls);
	},
};

function isInterfaceOfAnother(request: AttachmentRequest<TuningConfig>): boolean {
	using sandbox = openSandboxIfPresent(request.netns, { warn: () => {} });
	const link = sandbox === undefined ? undefined : findLink(sandbox.socket, { name: request.ifName });
	return link !== undefined && isOfAnother(link, request);
}

/** Looked for only where there is something to find: it reads the whole text again. */
function refuseDuplicates({ config, stdin }: NetworkRequest<TuningConfig>): void {
	if (config.sysctl === undefined) return;
	const found = duplicateSysctl(stdin());
	if (found !== undefined) throw duplicate(`"${found}" is there twice`);
}

function requirePrevResult({ prevResult }: AttachmentRequest<TuningConfig>): Result {
	if (prevResult !== undefined) return prevResult;
	throw new CniError(ErrorCode.invalidNetworkConfig, "Required prevResult missing", {
		details: 'Put tuning behind the plugin that makes the interface, in "plugins" of a .conflist',
	});
}

function isEmpty({ sysctls, ...link }: TuningSettings): boolean {
	return sysctls.length === 0 && Object.values(link).every((value) => value === undefined);
}

function withMac(result: Result, { ifName, mac }: { ifName: string; mac: string | undefined }): Result {
	if (mac === undefined) return result;
	const interfaces = result.interfaces.map((entry) =>
		entry.name === ifName && entry.sandbox ? { ...entry, mac } : entry,
	);
	return { ...result, interfaces };
}
