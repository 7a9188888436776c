import type { Plugin } from "../../../lib/cni/plugin.ts";
import { createTeardown } from "../../../lib/cni/teardown.ts";
import { specVersions } from "../../../lib/cni/version.ts";
import { loadMasquerade, removeMasqueradeOf } from "../../../lib/firewall/load-masquerade.ts";
import { openRouteSocket } from "../../../lib/netlink/rtnetlink.ts";
import { type PtpConfig, parseSettings, ptpSchema } from "./config.ts";

/** Connects each container to its host by a veth pair and routes of its own. docs/plugins/ptp.md */
export const ptp: Plugin<PtpConfig> = {
	type: "ptp",
	versions: specVersions,
	schema: ptpSchema,
	add: async (request) => (await import("./attach.ts")).attach(request),
	check: async (request) => (await import("./verify.ts")).verifyAttachment(request),

	async del(request) {
		const { config, ipam, log } = request;
		const teardown = createTeardown(log);
		await teardown.step("link", async () =>
			(await import("../../../lib/attachment/remove-interface.ts")).removePair(request),
		);
		if (config.ipMasq) {
			await teardown.step("masquerade", () => removeMasqueradeOf(request));
		}
		// Last: nobody else may get the address while its old owner could still use it.
		await teardown.step("ipam", () => ipam?.del());
		teardown.finish();
	},

	/** By their owners, whatever the configuration says now. */
	async gc({ network, validAttachments, ipam, log }) {
		const teardown = createTeardown(log);
		await teardown.step("links", async () => {
			const { collectHostLinks } = await import("../../../lib/attachment/host-links.ts");
			using host = openRouteSocket();
			collectHostLinks(host, { network, validAttachments });
		});
		await teardown.step("masquerade", async () =>
			(await loadMasquerade()).collectMasquerade(network, validAttachments),
		);
		await teardown.step("ipam", () => ipam?.gc());
		teardown.finish();
	},

	async status(request) {
		const { masquerade, ipam } = parseSettings(request);
		if (masquerade !== undefined) {
			const { probeNat } = await import("../../../lib/firewall/probe-nat.ts");
			await probeNat(masquerade, "masquerade");
		}
		await ipam.status();
	},
};
