import { CniError, ErrorCode, messageOf, toCniError } from "../../cni/error.ts";
import { Errno } from "../../linux/errno.ts";
import { openRouteSocket } from "../../netlink/rtnetlink.ts";
import { probeUpperLink } from "../../netlink/upper-link.ts";
import type { OnMasterSettings } from "./link-on-master.ts";
import { findMaster, requireMtu } from "./master.ts";

/** For STATUS: as far as the host can tell. @throws CniError code 50 when no ADD could succeed */
export function requireReadiness(settings: OnMasterSettings): void {
	const { kind } = settings;
	using host = openRouteSocket();
	const [error] = host.requestAll([probeUpperLink(kind)]);
	if (error?.errno === Errno.EOPNOTSUPP)
		throw unavailable(`failed to create ${kind}: ${error.message}`, loadHint(kind));
	if (settings.masterInContainer || settings.master === "unknown") return;
	try {
		requireMtu(settings.mtu, findMaster(host, settings));
	} catch (thrown) {
		throw unavailable(messageOf(thrown), toCniError(thrown).details);
	}
}

/** What helps where the kernel does not know the kind. */
export function loadHint(kind: string): string {
	return `The kernel has no driver for ${kind}: modprobe ${kind === "vlan" ? "8021q" : kind}`;
}

function unavailable(message: string, details: string): CniError {
	return new CniError(ErrorCode.pluginNotAvailable, message, { details });
}
