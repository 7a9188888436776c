import { CniError, ErrorCode } from "../../cni/error.ts";
import type { AttachmentRequest } from "../../cni/plugin.ts";
import { findLink, type Link } from "../../netlink/link.ts";
import { openRouteSocket } from "../../netlink/rtnetlink.ts";
import type { NetlinkSocket } from "../../netlink/wire/socket.ts";
import { describeInterface } from "../describe-interface.ts";
import { ownPart } from "../own-part.ts";
import { openSandbox } from "../sandbox.ts";
import { verifyInterface } from "../verify-interface.ts";
import { type OnMasterSettings, ownInterface } from "./link-on-master.ts";
import { findMaster } from "./master.ts";

/** CHECK: compares the interface with the description that ADD applied. @throws CniError naming the first difference */
export async function verifyAttachment(request: AttachmentRequest<unknown>, settings: OnMasterSettings): Promise<void> {
	const { entry, result } = ownPart(request);
	await request.ipam?.check();
	using sandbox = openSandbox(request.netns);
	using host = settings.masterInContainer ? undefined : openRouteSocket();
	const description = describeInterface(ownInterface(settings, request.ifName), result);
	// What the runtime was told is what counts, also where a later plugin of the chain has changed it.
	const link = verifyInterface(sandbox, { ...description, mac: entry.mac, mtu: undefined });
	verifyMaster(host ?? sandbox.socket, { link, settings });
	settings.verify(link);
}

/** That of the default route was chosen by ADD once and for all, and may be another by now. */
function verifyMaster(lower: NetlinkSocket, { link, settings }: { link: Link; settings: OnMasterSettings }): void {
	if (typeof settings.master !== "object") return;
	const { index, name } = findMaster(lower, settings);
	if (link.peerIndex === index) return;
	const actual = findLink(lower, { index: link.peerIndex });
	throw new CniError(ErrorCode.internal, `Interface ${link.name} is on another master than "${name}"`, {
		details: actual === undefined ? "" : `It is on "${actual.name}"`,
	});
}
