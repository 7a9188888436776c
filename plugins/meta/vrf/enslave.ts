import type { Sandbox } from "../../../lib/attachment/sandbox.ts";
import { openSandbox } from "../../../lib/attachment/sandbox.ts";
import { CniError, ErrorCode, messageOf } from "../../../lib/cni/error.ts";
import type { AddRequest } from "../../../lib/cni/plugin.ts";
import { lockOpenFile } from "../../../lib/linux/file-lock.ts";
import { findLink, type Link, setLink } from "../../../lib/netlink/link.ts";
import { mainTable } from "../../../lib/netlink/route.ts";
import { identifySandbox } from "../../../lib/state/sandbox-identity.ts";
import { belongingsOf, giveBack, inOtherTable, toTexts } from "./belongings.ts";
import { recordsOf, type VrfConfig, type VrfSettings } from "./config.ts";
import { chooseTable, createVrf, findVrf, removeIfUnused } from "./device.ts";
import { release } from "./release.ts";

/** Makes the VRF the master of the interface, which keeps its addresses and routes, each step with its undo. @throws CniError */
export function enslave(
	{ socket }: Sandbox,
	{ request, settings }: { request: AddRequest<VrfConfig>; settings: VrfSettings },
): void {
	const { containerId, ifName, netns, log } = request;
	const existing = findVrf(socket, settings);
	const link = requireFree(socket, ifName);
	const table = existing?.table ?? chooseTable(socket, settings);
	const belongings = belongingsOf(socket, link.index);
	const record = {
		containerId,
		ifName,
		sandbox: identifySandbox(netns),
		linkIndex: link.index,
		vrf: settings.name,
		table,
		...toTexts(belongings),
	};
	const records = recordsOf(request);
	request.rollback.push(`VRF "${settings.name}"`, () => {
		// The sandbox of the ADD is closed by then.
		using again = openSandbox(netns);
		lockOpenFile(again.namespace.fd);
		for (const complaint of release(again, { ifName, vrf: settings.name, record })) log.warn(complaint);
		if (existing === undefined) removeIfUnused(again.socket, settings.name);
		records.remove(request);
	});
	records.write(record);
	const device = existing ?? createVrf(socket, { name: settings.name, table });
	try {
		socket.request(setLink(link, { master: device.link.index }));
	} catch (thrown) {
		throw failed(`could not set master of ${ifName} to ${settings.name}: ${messageOf(thrown)}`);
	}
	const [complaint] = giveBack(socket, {
		linkIndex: link.index,
		belongings: inOtherTable(belongings, { from: mainTable, to: table }),
	});
	if (complaint !== undefined) throw failed(complaint);
}

function requireFree(socket: Sandbox["socket"], ifName: string): Link {
	const link = findLink(socket, { name: ifName });
	if (link === undefined) {
		throw failed(`could not get link by name ${ifName}`, "The plugin before in the list makes it");
	}
	if (link.master === 0) return link;
	const master = findLink(socket, { index: link.master });
	throw failed(
		`interface ${ifName} has already a master set: ${master?.name ?? link.master}`,
		"DEL the attachment first, or take the interface out of what it is in",
	);
}

function failed(message: string, details = ""): CniError {
	return new CniError(ErrorCode.internal, `cmdAdd failed: ${message}`, { details });
}
