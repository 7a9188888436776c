import { isOfAnother } from "../../../lib/attachment/link-owner.ts";
import { openSandboxIfPresent, type Sandbox } from "../../../lib/attachment/sandbox.ts";
import type { NetworkAttachment } from "../../../lib/cni/attachment-tag.ts";
import { CniError, ErrorCode } from "../../../lib/cni/error.ts";
import type { Log } from "../../../lib/cni/log.ts";
import type { AttachmentRequest } from "../../../lib/cni/plugin.ts";
import { validateIfName } from "../../../lib/cni/validate.ts";
import { findLink, type Link } from "../../../lib/netlink/link.ts";
import { openRouteSocket } from "../../../lib/netlink/rtnetlink.ts";
import type { HostDeviceRecord } from "../../../lib/state/host-device-record.ts";
import { pathUnlessGone } from "../../../lib/state/sandbox-identity.ts";
import type { HostDeviceConfig } from "./config.ts";
import { type Home, moveOut, restoreAtHome } from "./move.ts";
import { recordsOf } from "./records.ts";

/** DEL: brings the device back to the host under its own name, wherever it is. @throws CniError, and it stays there */
export function detach(request: AttachmentRequest<HostDeviceConfig>): void {
	const { config, ifName, netns, log } = request;
	const records = recordsOf(request);
	const record = records.read(request);
	if (record !== undefined) bringHome(record, log);
	else {
		using sandbox = openSandboxIfPresent(netns, log);
		using host = openRouteSocket();
		const link = sandbox === undefined ? undefined : findLink(sandbox.socket, { name: ifName });
		// As for an attachment of the reference's: the alias is all that is known. A program in user space leaves none.
		if (sandbox !== undefined && link !== undefined && !config.DPDKMode && mayBeGiven(link, request)) {
			moveOut(host, { sandbox, link, home: homeByAlias(link) });
		} else if (config.device !== "") restoreAtHome(host, { device: config.device, mac: undefined, up: false });
	}
	// Last: whoever has to try again needs it.
	records.remove(request);
}

/** Brings the device of a record back; what is home already, or gone with its namespace, is success. @throws CniError */
export function bringHome(record: HostDeviceRecord, log: Pick<Log, "warn">): void {
	using sandbox = openSandboxIfPresent(pathUnlessGone(record.sandbox), log);
	using host = openRouteSocket();
	const link = sandbox === undefined ? undefined : findGiven(sandbox, record);
	if (sandbox !== undefined && link !== undefined) moveOut(host, { sandbox, link, home: record });
	else restoreAtHome(host, record);
}

/** By its alias; by its hardware address where the kernel has moved it and then refused the new name. */
function findGiven({ socket }: Sandbox, { ifName, device, mac }: HostDeviceRecord): Link | undefined {
	const link = findLink(socket, { name: ifName });
	if (link?.alias === device) return link;
	const unnamed = findLink(socket, { name: device });
	return unnamed?.mac === mac ? unnamed : undefined;
}

/** Whether it may be a device of the host, though no record says so; else it is what an ADD has found in its way. */
function mayBeGiven(link: Link, attachment: NetworkAttachment): boolean {
	return link.index !== loopbackIndex && !isOfAnother(link, attachment);
}

/** That of `lo`, in every namespace. */
const loopbackIndex = 1;

function homeByAlias({ name, alias }: Link): Home {
	try {
		validateIfName(alias);
		return { device: alias, mac: undefined, up: false };
	} catch (thrown) {
		throw new CniError(ErrorCode.internal, `failed to find original ifname for "${name}" (alias is not set)`, {
			details: `Move it by hand: ip link set ${name} netns 1, in the container's namespace`,
			cause: thrown,
		});
	}
}
