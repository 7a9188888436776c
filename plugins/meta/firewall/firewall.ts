import { CniError, ErrorCode, toCniError } from "../../../lib/cni/error.ts";
import type { AttachmentRequest, Plugin } from "../../../lib/cni/plugin.ts";
import type { Result } from "../../../lib/cni/result.ts";
import { specVersions } from "../../../lib/cni/version.ts";
import { applyForward, type ForwardRequest, verifyForward } from "../../../lib/firewall/forward.ts";
import { collectForward, removeForward } from "../../../lib/firewall/forward-removal.ts";
import { probeForward } from "../../../lib/firewall/forward-status.ts";
import {
	containerAddresses,
	type FirewallConfig,
	firewallSchema,
	ingressOf,
	outletOf,
	parseSettings,
} from "./config.ts";

/** Lets the host's firewall forward what a container sends, and keeps other bridges out. docs/plugins/firewall.md */
export const firewall: Plugin<FirewallConfig> = {
	type: "firewall",
	versions: specVersions,
	schema: firewallSchema,

	async add(request) {
		const prevResult = requirePrevResult(request);
		const forward = describe(request, prevResult);
		await request.log.step("firewall rules", () => applyForward(forward, request));
		return prevResult;
	},

	check(request) {
		verifyForward(describe(request, requirePrevResult(request)));
	},

	/** Whatever the configuration says now: what was done is recorded, or written in the rules. */
	async del(request) {
		const addresses = request.prevResult === undefined ? [] : containerAddresses(request.prevResult);
		const { backend, firewalldZone } = request.config;
		await removeForward(request, { addresses, backend, zone: firewalldZone, log: request.log });
	},

	async gc({ network, validAttachments, log }) {
		await collectForward(network, { validAttachments, log });
	},

	status({ config, log }) {
		const settings = parseSettings(config);
		try {
			probeForward(settings, log);
		} catch (thrown) {
			const { message, details } = toCniError(thrown);
			throw new CniError(ErrorCode.pluginNotAvailable, message, { details, cause: thrown });
		}
	},
};

type Request = AttachmentRequest<FirewallConfig>;

function requirePrevResult({ prevResult }: Request): Result {
	if (prevResult !== undefined) return prevResult;
	throw new CniError(ErrorCode.invalidNetworkConfig, "missing prevResult from earlier plugin", {
		details: '"firewall" stands behind the plugin that makes the interface, in a list of plugins',
	});
}

function describe({ config, network, containerId, ifName, netns, log }: Request, prevResult: Result): ForwardRequest {
	const { backend, adminChain, zone, policy, warnings } = parseSettings(config);
	for (const warning of warnings) log.warn(warning);
	return {
		owner: { network, containerId, ifName, netns },
		backend,
		zone,
		adminChain,
		addresses: containerAddresses(prevResult),
		outlet: outletOf(prevResult),
		ingress: ingressOf(policy, prevResult),
	};
}
