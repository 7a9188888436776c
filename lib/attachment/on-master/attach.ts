import { dnsOf } from "../../cni/common-keys.ts";
import { CniError, toCniError } from "../../cni/error.ts";
import type { AddRequest } from "../../cni/plugin.ts";
import type { Result } from "../../cni/result.ts";
import type { Link } from "../../netlink/link.ts";
import { openRouteSocket } from "../../netlink/rtnetlink.ts";
import { allocateEarly, allocateThrough } from "../allocate.ts";
import { applyInterface } from "../apply-interface.ts";
import { describeInterface } from "../describe-interface.ts";
import { openSandbox } from "../sandbox.ts";
import { createLink, refuseExistingInterface } from "./create-link.ts";
import type { OnMasterConfig } from "./keys.ts";
import { type OnMasterSettings, ownInterface } from "./link-on-master.ts";
import { findMaster, requireMtu } from "./master.ts";

/** ADD: allocates addresses, and makes the interface, each step with its undo. @throws CniError */
export async function attach(request: AddRequest<OnMasterConfig>, settings: OnMasterSettings): Promise<Result> {
	const { ifName, netns, log } = request;
	using sandbox = openSandbox(netns);
	using host = settings.masterInContainer ? undefined : openRouteSocket();
	const lower = host ?? sandbox.socket;
	const master = findMaster(lower, settings);
	requireMtu(settings.mtu, master);
	refuseExistingInterface(sandbox, { kind: settings.kind, ifName });
	const early = settings.given ?? (await allocateEarly(request));

	const link = log.step("link", () => createLink(request, { settings, sandbox, lower, master }));
	const allocated = early ?? (await allocateThrough(request, { sandbox, link }));
	const description = describeInterface(ownInterface(settings, ifName), allocated);
	log.step("interface", () => explaining(master, () => applyInterface(sandbox, { link, description })));
	return {
		interfaces: [{ name: ifName, mac: link.mac, sandbox: netns }],
		ips: allocated.ips.map((ip) => ({ ...ip, interface: 0 })),
		routes: allocated.routes,
		dns: dnsOf(request.config.dns),
	};
}

/** A link does not come up on top of a master that is down, and routes need one that is up. */
function explaining(master: Link, action: () => void): void {
	try {
		action();
	} catch (thrown) {
		if (master.up) throw thrown;
		const { code, message } = toCniError(thrown);
		const details = `The master "${master.name}" is down: ip link set ${master.name} up`;
		throw new CniError(code, message, { details, cause: thrown });
	}
}
