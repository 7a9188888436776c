import { removeInterface } from "../../../lib/attachment/remove-interface.ts";
import type { Sandbox } from "../../../lib/attachment/sandbox.ts";
import { CniError, ErrorCode, messageOf, toCniError } from "../../../lib/cni/error.ts";
import type { AddRequest } from "../../../lib/cni/plugin.ts";
import { Errno, errnoOf } from "../../../lib/linux/errno.ts";
import { createTap } from "../../../lib/linux/tap.ts";
import { findLink, type Link } from "../../../lib/netlink/link.ts";
import type { TapSettings } from "./config.ts";
import { driverHelp } from "./driver-help.ts";
import { createLabelledTap } from "./labelled-device.ts";

/** Creates the tap device in the sandbox, down and without reader. @throws CniError */
export function createDevice(
	request: AddRequest<unknown>,
	{ sandbox, settings }: { sandbox: Sandbox; settings: TapSettings },
): Link {
	const { ifName: name, rollback } = request;
	const { multiQueue, owner, group, selinuxContext } = settings;
	try {
		if (selinuxContext === undefined) {
			sandbox.namespace.run(() => createTap({ name, multiQueue, owner, group }));
		} else {
			sandbox.namespace.run(() => createLabelledTap({ name, multiQueue, owner, group }, selinuxContext));
		}
	} catch (thrown) {
		const errno = errnoOf(thrown);
		if (errno === Errno.EBUSY) throw alreadyExists(name);
		const noDriver = errno === Errno.ENOENT || errno === Errno.ENODEV;
		throw new CniError(ErrorCode.internal, `failed to create tap: ${messageOf(thrown)}`, {
			details: noDriver ? driverHelp : toCniError(thrown).details,
			cause: thrown,
		});
	}
	rollback.push(`tap "${name}"`, () => {
		removeInterface(request, "tun");
	});
	const link = findLink(sandbox.socket, { name });
	if (link !== undefined) return link;
	throw new CniError(ErrorCode.internal, `failed to refetch tap "${name}": Link not found`);
}

/** Refused before anything is done for the attachment. @throws CniError */
export function refuseExistingInterface({ socket }: Sandbox, name: string): void {
	if (findLink(socket, { name }) !== undefined) throw alreadyExists(name);
}

function alreadyExists(name: string): CniError {
	return new CniError(ErrorCode.internal, "failed to create tap: file exists", {
		details: `The container has an interface "${name}" already: DEL it first, or choose another CNI_IFNAME`,
	});
}
