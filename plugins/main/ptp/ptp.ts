import { collectHostLinks } from "../../../lib/attachment/host-links.ts";
import { removePair } from "../../../lib/attachment/remove-interface.ts";
import type { Plugin } from "../../../lib/cni/plugin.ts";
import { createTeardown } from "../../../lib/cni/teardown.ts";
import { specVersions } from "../../../lib/cni/version.ts";
import { collectMasquerade, isMasqueradeRecorded, removeMasqueradeOf } from "../../../lib/firewall/masquerade.ts";
import { probeNat } from "../../../lib/firewall/probe-nat.ts";
import { openRouteSocket } from "../../../lib/netlink/rtnetlink.ts";
import { attach } from "./attach.ts";
import { type PtpConfig, parseSettings, ptpSchema } from "./config.ts";
import { verifyAttachment } from "./verify.ts";

/** Connects each container to its host by a veth pair and routes of its own. docs/plugins/ptp.md */
export const ptp: Plugin<PtpConfig> = {
	type: "ptp",
	versions: specVersions,
	schema: ptpSchema,
	add: attach,
	check: verifyAttachment,

	async del(request) {
		const { config, ipam, log } = request;
		const teardown = createTeardown(log);
		await teardown.step("link", () => removePair(request));
		// The configuration may have changed since, and the address is given to somebody else.
		if (config.ipMasq || isMasqueradeRecorded(request)) {
			await teardown.step("masquerade", () => removeMasqueradeOf(request));
		}
		// Last: nobody else may get the address while its old owner could still use it.
		await teardown.step("ipam", () => ipam?.del());
		teardown.finish();
	},

	/** By their owners, whatever the configuration says now. */
	async gc({ network, validAttachments, ipam, log }) {
		const teardown = createTeardown(log);
		await teardown.step("links", () => {
			using host = openRouteSocket();
			collectHostLinks(host, { network, validAttachments });
		});
		await teardown.step("masquerade", () => collectMasquerade(network, validAttachments));
		await teardown.step("ipam", () => ipam?.gc());
		teardown.finish();
	},

	async status(request) {
		const { masquerade, ipam } = parseSettings(request);
		if (masquerade !== undefined) probeNat(masquerade, "masquerade");
		await ipam.status();
	},
};
