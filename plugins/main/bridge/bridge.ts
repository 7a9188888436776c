import { tearDownWithIpam } from "../../../lib/attachment/ipam-order.ts";
import { CniError, ErrorCode } from "../../../lib/cni/error.ts";
import type { Plugin } from "../../../lib/cni/plugin.ts";
import { createTeardown } from "../../../lib/cni/teardown.ts";
import { specVersions } from "../../../lib/cni/version.ts";
import { loadMasquerade, removeMasqueradeOf } from "../../../lib/firewall/load-masquerade.ts";
import { findLink } from "../../../lib/netlink/link.ts";
import { openRouteSocket } from "../../../lib/netlink/rtnetlink.ts";
import { type BridgeConfig, bridgeSchema, parseSettings } from "./config.ts";
import { loadSpoofCheck } from "./load-spoof-check.ts";

/** Connects containers of a host to a Linux bridge, each through a veth pair. docs/plugins/bridge.md */
export const bridge: Plugin<BridgeConfig> = {
	type: "bridge",
	versions: specVersions,
	schema: bridgeSchema,
	add: async (request) => (await import("./attach.ts")).attach(request),
	check: async (request) => (await import("./verify.ts")).verifyAttachment(request),

	async del(request) {
		const { config, ipam, log } = request;
		const teardown = createTeardown(log);
		await tearDownWithIpam(teardown, { ipam, verb: "del" }, async () => {
			await teardown.step("links", async () =>
				(await import("../../../lib/attachment/remove-interface.ts")).removePair(request),
			);
			if (config.macspoofchk) {
				await teardown.step("spoof check", async () => (await loadSpoofCheck()).removeSpoofCheck(request));
			}
			if (config.ipMasq) {
				await teardown.step("masquerade", () => removeMasqueradeOf(request));
			}
		});
		teardown.finish();
	},

	/** By their owners, whatever the configuration says now. */
	async gc({ network, validAttachments, ipam, log }) {
		const teardown = createTeardown(log);
		await tearDownWithIpam(teardown, { ipam, verb: "gc" }, async () => {
			await teardown.step("links", async () => {
				const { collectHostLinks } = await import("../../../lib/attachment/host-links.ts");
				using host = openRouteSocket();
				collectHostLinks(host, { network, validAttachments });
			});
			await teardown.step("spoof check", async () =>
				(await loadSpoofCheck()).collectSpoofChecks(network, validAttachments),
			);
			await teardown.step("masquerade", async () =>
				(await loadMasquerade()).collectMasquerade(network, validAttachments),
			);
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
		if (settings.masquerade !== undefined) {
			const { probeNat } = await import("../../../lib/firewall/probe-nat.ts");
			await probeNat(settings.masquerade, "masquerade");
		}
		await ipam?.status();
	},
};
