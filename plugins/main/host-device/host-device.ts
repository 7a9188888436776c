import { tearDownWithIpam } from "../../../lib/attachment/ipam-order.ts";
import type { Plugin } from "../../../lib/cni/plugin.ts";
import { createTeardown } from "../../../lib/cni/teardown.ts";
import { specVersions } from "../../../lib/cni/version.ts";
import { collectRecords } from "../../../lib/state/collect-records.ts";
import { attach } from "./attach.ts";
import { type HostDeviceConfig, hostDeviceSchema, validateConfig } from "./config.ts";
import { bringHome, detach } from "./detach.ts";
import { recordsOf } from "./records.ts";
import { verifyAttachment } from "./verify.ts";

/** Gives a container an interface that the host has. docs/plugins/host-device.md */
export const hostDevice: Plugin<HostDeviceConfig> = {
	type: "host-device",
	versions: specVersions,
	schema: hostDeviceSchema,
	add: attach,
	check: verifyAttachment,

	async del(request) {
		const teardown = createTeardown(request.log);
		await tearDownWithIpam(teardown, { ipam: request.ipam, verb: "del" }, () =>
			teardown.step("device", () => detach(request)),
		);
		teardown.finish();
	},

	async gc({ config, network, validAttachments, ipam, log }) {
		const teardown = createTeardown(log);
		await tearDownWithIpam(teardown, { ipam, verb: "gc" }, () =>
			collectRecords(teardown, {
				records: recordsOf({ config, network }),
				validAttachments,
				what: "device",
				undo: (record) => bringHome(record, log),
			}),
		);
		teardown.finish();
	},

	async status({ config, ipam }) {
		validateConfig(config);
		await ipam?.status();
	},
};
