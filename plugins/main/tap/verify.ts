import { ownPart } from "../../../lib/attachment/own-part.ts";
import { openSandbox, type Sandbox } from "../../../lib/attachment/sandbox.ts";
import { verifyInterface } from "../../../lib/attachment/verify-interface.ts";
import { CniError, ErrorCode } from "../../../lib/cni/error.ts";
import type { AttachmentRequest } from "../../../lib/cni/plugin.ts";
import { findLink, type Link } from "../../../lib/netlink/link.ts";
import { tunOf } from "../../../lib/netlink/tun.ts";
import { parseSettings, type TapConfig, type TapSettings } from "./config.ts";
import { describeTap } from "./description.ts";

/** CHECK: compares everything that ADD made with the description of it. @throws CniError naming the first difference */
export async function verifyAttachment(request: AttachmentRequest<TapConfig>): Promise<void> {
	const settings = parseSettings(request);
	const { entry, result } = ownPart(request);
	await request.ipam?.check();
	using sandbox = openSandbox(request.netns);
	// What the runtime was told is what counts, also where a later plugin of the chain has changed it.
	const description = { ...describeTap(request.ifName, { settings, result }), mac: entry.mac, mtu: undefined };
	const link = verifyInterface(sandbox, description);
	verifyDevice(link, settings);
	verifyBridge(sandbox, { link, settings });
}

function verifyDevice(link: Link, { multiQueue, owner, group }: TapSettings): void {
	const actual = tunOf(link);
	if (actual === undefined) return;
	const { name } = link;
	if (actual.mode !== "tap") throw fault(`Interface ${name} is a tun device, and no tap`);
	const wanted = { owner, group, "multi-queue": multiQueue };
	const found = { owner: actual.owner, group: actual.group, "multi-queue": actual.multiQueue };
	for (const key of ["owner", "group", "multi-queue"] as const) {
		if (found[key] === wanted[key]) continue;
		throw fault(
			`Interface ${name} has ${key} ${found[key] ?? "none"}, and the configuration says ${wanted[key] ?? "none"}`,
		);
	}
}

function verifyBridge({ socket }: Sandbox, { link, settings }: { link: Link; settings: TapSettings }): void {
	const { bridge } = settings;
	if (bridge === undefined) return;
	const master = findLink(socket, { name: bridge });
	if (master !== undefined && link.master === master.index) return;
	throw fault(
		`Interface ${link.name} is not a port of bridge ${bridge}`,
		`Put it back with: ip link set ${link.name} master ${bridge}`,
	);
}

function fault(message: string, details = ""): CniError {
	return new CniError(ErrorCode.internal, message, { details });
}
