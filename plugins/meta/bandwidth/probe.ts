import { CniError, ErrorCode } from "../../../lib/cni/error.ts";
import { Errno } from "../../../lib/linux/errno.ts";
import { probeIfb } from "../../../lib/netlink/ifb.ts";
import { findLink } from "../../../lib/netlink/link.ts";
import { probeQdisc } from "../../../lib/netlink/qdisc.ts";
import type { NetlinkSocket } from "../../../lib/netlink/wire/socket.ts";

/** Asks the kernel for what every limit needs, in requests that it cannot grant. @throws CniError code 50 */
export function probeKernel(host: NetlinkSocket): void {
	const [ifbError] = host.requestAll([probeIfb()]);
	if (ifbError?.errno === Errno.EOPNOTSUPP) throw missing("ifb devices", "ifb");
	const loopback = findLink(host, { name: "lo" });
	if (loopback === undefined) return;
	for (const kind of ["tbf", "ingress"]) {
		const [error] = host.requestAll([probeQdisc(loopback, kind)]);
		if (error?.errno === Errno.ENOENT) throw missing(`queueing discipline "${kind}"`, `sch_${kind}`);
	}
}

function missing(what: string, module: string): CniError {
	return new CniError(ErrorCode.pluginNotAvailable, `Cannot limit bandwidth: the kernel has no ${what}`, {
		details: `Load its module: modprobe ${module}`,
	});
}
