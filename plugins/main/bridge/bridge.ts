import { collectHostLinks } from "../../../lib/attachment/host-links.ts";
import { tearDownWithIpam } from "../../../lib/attachment/ipam-order.ts";
import { removePair } from "../../../lib/attachment/remove-interface.ts";
import { CniError, ErrorCode } from "../../../lib/cni/error.ts";
import type { Plugin } from "../../../lib/cni/plugin.ts";
import { createTeardown } from "../../../lib/cni/teardown.ts";
import { specVersions } from "../../../lib/cni/version.ts";
import { collectMasquerade, isMasqueradeRecorded, removeMasqueradeOf } from "../../../lib/firewall/masquerade.ts";
import { probeNat } from "../../../lib/firewall/probe-nat.ts";
import { collectSpoofChecks, removeSpoofCheck } from "../../../lib/firewall/spoof-check.ts";
import { findLink } from "../../../lib/netlink/link.ts";
import { openRouteSocket } from "../../../lib/netlink/rtnetlink.ts";
import { attach } from "./attach.ts";
import { type BridgeConfig, bridgeSchema, parseSettings } from "./config.ts";
import { verifyAttachment } from "./verify.ts";

/** Connects containers of a host to a Linux bridge, each through a veth pair. docs/plugins/bridge.md */
export const bridge: Plugin<BridgeConfig> = {
	type: "bridge",
	versions: specVersions,
	schema: bridgeSchema,
	add: attach,
	check: verifyAttachment,

	async del(request) {
		const { config, ipam, log } = request;
		const teardown = createTeardown(log);
		await tearDownWithIpam(teardown, { ipam, verb: "del" }, async () => {
			await teardown.step("links", () => removePair(request));
			if (config.macspoofchk) await teardown.step("spoof check", () => removeSpoofCheck(request));
			// The configuration may have changed since, and the address is given to somebody else.
			if (config.ipMasq || isMasqueradeRecorded(request)) {
				await teardown.step("masquerade", () => removeMasqueradeOf(request));
			}
		});
		teardown.finish();
	},

	/** By their owners, whatever the configuration says now. */
	async gc({ network, validAttachments, ipam, log }) {
		const teardown = createTeardown(log);
		await tearDownWithIpam(teardown, { ipam, verb: "gc" }, async () => {
			await teardown.step("links", () => {
				using host = openRouteSocket();
				collectHostLinks(host, { network, validAttachments });
			});
			await teardown.step("spoof check", () => collectSpoofChecks(network, validAttachments));
			await teardown.step("masquerade", () => collectMasquerade(network, validAttachments));
		});
		teardown.finish();
	},

	async status({ config, ipam }) {
		const settings = parseSettings({ config, ipam, args: "" });
		using host = openRouteSocket();
		const device = findLink(host, { name: settings.bridge });
		if (device !== undefined && device.kind !== "bridge") {
			throw new CniError(ErrorCode.pluginNotAvailable, `"${settings.bridge}" already exists but is not a bridge`, {
				details: 'Give another name in "bridge", or remove it',
			});
		}
		if (settings.masquerade !== undefined) probeNat(settings.masquerade, "masquerade");
		await ipam?.status();
	},
};
