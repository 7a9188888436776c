import { CniError, ErrorCode } from "../../../lib/cni/error.ts";
import type { Log } from "../../../lib/cni/log.ts";
import type { Plugin } from "../../../lib/cni/plugin.ts";
import type { Result } from "../../../lib/cni/result.ts";
import { createTeardown } from "../../../lib/cni/teardown.ts";
import { specVersions } from "../../../lib/cni/version.ts";
import type { Link } from "../../../lib/netlink/link.ts";
import { openRouteSocket } from "../../../lib/netlink/rtnetlink.ts";
import { applyLimits } from "./apply.ts";
import { type BandwidthConfig, bandwidthSchema, parseLimits } from "./config.ts";
import { findHostLink } from "./host-link.ts";
import type { Limits } from "./limit.ts";
import { probeKernel } from "./probe.ts";
import { collectLimits, removeLimits } from "./remove.ts";
import { verifyLimits } from "./verify.ts";

/** Limits what a container sends and receives. docs/plugins/bandwidth.md */
export const bandwidth: Plugin<BandwidthConfig> = {
	type: "bandwidth",
	versions: specVersions,
	schema: bandwidthSchema,

	add(request) {
		const limits = parseLimits(request);
		const { prevResult, log } = request;
		if (prevResult === undefined) throw notChained("must be called as chained plugin");
		if (isUnlimited(limits)) return prevResult;
		using host = openRouteSocket();
		const hostLink = log.step("host link", () => findHostLink(host, { ...request, prevResult }));
		warnOfSmallBursts(request, { limits, hostLink });
		const device = log.step("limits", () => applyLimits(host, { request, hostLink, limits }));
		return device === undefined ? prevResult : withDevice(prevResult, device);
	},

	check(request) {
		const { prevResult } = request;
		if (prevResult === undefined) throw notChained("must be called as a chained plugin");
		const limits = parseLimits(request);
		if (isUnlimited(limits)) return;
		using host = openRouteSocket();
		verifyLimits(host, { request, hostLink: findHostLink(host, { ...request, prevResult }), limits });
	},

	/** By the attachment, whatever the configuration says now. */
	async del(request) {
		const teardown = createTeardown(request.log);
		await teardown.step("limits", () => removeLimits(request));
		teardown.finish();
	},

	async gc({ network, validAttachments, log }) {
		const teardown = createTeardown(log);
		using host = openRouteSocket();
		await teardown.step("limits", () => collectLimits(host, { network, validAttachments }));
		teardown.finish();
	},

	status(request) {
		parseLimits(request);
		using host = openRouteSocket();
		probeKernel(host);
	},
};

/** The kernel drops what is larger than the bucket. */
function warnOfSmallBursts({ log }: { log: Log }, { limits, hostLink }: { limits: Limits; hostLink: Link }): void {
	const frame = hostLink.mtu + ethernetHeader;
	for (const direction of ["ingress", "egress"] as const) {
		const limit = limits[direction];
		if (limit === undefined || limit.burstBits / 8 >= frame) continue;
		log.warn(
			`"${direction}Burst" of ${limit.burstBits} bits is less than a full packet (${frame * 8} bits): larger packets are dropped`,
		);
	}
}

const ethernetHeader = 14;

function isUnlimited({ ingress, egress }: Limits): boolean {
	return ingress === undefined && egress === undefined;
}

function withDevice(result: Result, { name, mac }: Link): Result {
	// Addresses name interfaces by their place, which must not change.
	const others = result.interfaces.map((entry) => (entry.name === name && !entry.sandbox ? { ...entry, mac } : entry));
	const isNamed = others.some((entry) => entry.name === name && !entry.sandbox);
	return { ...result, interfaces: isNamed ? others : [...others, { name, mac }] };
}

function notChained(message: string): CniError {
	return new CniError(ErrorCode.invalidNetworkConfig, message, {
		details: 'Put bandwidth behind the plugin that makes the interface, in "plugins" of a .conflist',
	});
}
