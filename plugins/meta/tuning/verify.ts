import type { Sandbox } from "../../../lib/attachment/sandbox.ts";
import { CniError, ErrorCode } from "../../../lib/cni/error.ts";
import { Errno, errnoOf } from "../../../lib/linux/errno.ts";
import { readSysctl } from "../../../lib/linux/sysctl.ts";
import { findLink } from "../../../lib/netlink/link.ts";
import type { TuningSettings } from "./config.ts";

/** Compares parameters and interface with the settings. @throws CniError naming the first difference */
export function verifySettings(
	sandbox: Sandbox,
	{ ifName, settings }: { ifName: string; settings: TuningSettings },
): void {
	const link = findLink(sandbox.socket, { name: ifName });
	if (link === undefined) throw fault(`Cannot find container link ${ifName}`);
	sandbox.namespace.run(() => {
		for (const { path, value } of settings.sysctls) {
			const current = tryReadSysctl(path);
			if (current === undefined || normalized(current) === normalized(value)) continue;
			throw fault(
				`Error: Tuning configured value of /proc/sys/${path} is ${value}, current value is ${current}`,
				`Put it back with: nsenter --net=${sandbox.namespace.path} sysctl -w ${path.replaceAll("/", ".")}="${value}"`,
			);
		}
	});
	const { mac, promiscuous, mtu, allMulticast, txQueueLength } = settings;
	if (mac !== undefined && link.mac !== mac) {
		throw fault(`Error: Tuning configured Ethernet of ${ifName} is ${mac}, current value is ${link.mac}`);
	}
	if (promiscuous && link.promiscuity === 0) {
		throw fault(`Error: Tuning link ${ifName} configured promisc is true, current value is ${link.promiscuity}`);
	}
	if (mtu !== undefined && link.mtu !== mtu) {
		throw fault(`Error: Tuning configured MTU of ${ifName} is ${mtu}, current value is ${link.mtu}`);
	}
	if (allMulticast !== undefined && link.allMulticast !== allMulticast) {
		throw fault(
			`Error: Tuning configured all-multicast mode of ${ifName} is ${allMulticast}, current value is ${link.allMulticast}`,
		);
	}
	if (txQueueLength !== undefined && link.txQueueLength !== txQueueLength) {
		throw fault(
			`Error: Tuning configured Transmit Queue Length of ${ifName} is ${txQueueLength}, current value is ${link.txQueueLength}`,
		);
	}
}

/** Between the numbers of a list, the kernel prints tabs whatever it was given. */
function normalized(value: string): string {
	return value.trim().replaceAll(/\s+/g, " ");
}

/** Undefined for a parameter that can only be written. */
function tryReadSysctl(path: string): string | undefined {
	try {
		return readSysctl(path);
	} catch (thrown) {
		return errnoOf(thrown) === Errno.ENOENT ? "missing" : undefined;
	}
}

function fault(message: string, details = ""): CniError {
	return new CniError(ErrorCode.internal, message, { details });
}
