import { removeInterface } from "../../../lib/attachment/remove-interface.ts";
import { CniError, ErrorCode, messageOf } from "../../../lib/cni/error.ts";
import type { Plugin } from "../../../lib/cni/plugin.ts";
import { createTeardown } from "../../../lib/cni/teardown.ts";
import { specVersions } from "../../../lib/cni/version.ts";
import { requireTunDevice } from "../../../lib/linux/tap.ts";
import { attach } from "./attach.ts";
import { parseSettings, type TapConfig, tapSchema } from "./config.ts";
import { driverHelp } from "./driver-help.ts";
import { verifyAttachment } from "./verify.ts";

/** Makes a tap device in a container, for a program in it that speaks Ethernet. docs/plugins/tap.md */
export const tap: Plugin<TapConfig> = {
	type: "tap",
	versions: specVersions,
	schema: tapSchema,
	add: attach,
	check: verifyAttachment,

	async del(request) {
		const { ipam, log } = request;
		const teardown = createTeardown(log);
		await teardown.step("link", () => {
			removeInterface(request, "tun");
		});
		await teardown.step("ipam", () => ipam?.del());
		teardown.finish();
	},

	/** The device ends with its namespace. */
	async gc({ ipam }) {
		await ipam?.gc();
	},

	async status({ config, ipam }) {
		parseSettings({ config, args: "" });
		try {
			requireTunDevice();
		} catch (thrown) {
			throw new CniError(ErrorCode.pluginNotAvailable, `Cannot use tap devices: ${messageOf(thrown)}`, {
				details: driverHelp,
				cause: thrown,
			});
		}
		await ipam?.status();
	},
};
