import type { Plugin } from "../../cni/plugin.ts";
import { createTeardown } from "../../cni/teardown.ts";
import { specVersions } from "../../cni/version.ts";
import { tearDownWithIpam } from "../ipam-order.ts";
import { openSandboxIfPresent } from "../sandbox.ts";
import { attach } from "./attach.ts";
import { removeOwnLink } from "./create-link.ts";
import type { OnMasterConfig } from "./keys.ts";
import { type LinkOnMaster, settingsOf } from "./link-on-master.ts";
import { requireReadiness } from "./readiness.ts";
import { verifyAttachment } from "./verify.ts";

/**
 * A plugin that gives containers an interface on top of a master. The interface is in the container's namespace alone
 * and ends with it: there is nothing on the host that GC could have to look for, beside the addresses of IPAM.
 */
export function pluginOnMaster<Config extends OnMasterConfig>(own: LinkOnMaster<Config>): Plugin<Config> {
	return {
		type: own.kind,
		versions: specVersions,
		schema: own.schema,
		add: (request) => attach(request, settingsOf(own, { ...request, adding: true })),
		check: (request) => verifyAttachment(request, settingsOf(own, { ...request, adding: false })),

		/** Without a look at the configuration: neither its errors nor a master that is gone keep the link. */
		async del(request) {
			const teardown = createTeardown(request.log);
			await tearDownWithIpam(teardown, { ipam: request.ipam, verb: "del" }, () =>
				teardown.step("link", () => {
					using sandbox = openSandboxIfPresent(request.netns, request.log);
					if (sandbox !== undefined) removeOwnLink(sandbox, { request, kind: own.kind });
				}),
			);
			teardown.finish();
		},

		gc: ({ ipam }) => ipam?.gc(),

		async status(request) {
			requireReadiness(settingsOf(own, { ...request, args: "", prevResult: undefined, adding: false }));
			await request.ipam?.status();
		},
	};
}
