import type { Sandbox } from "../../../lib/attachment/sandbox.ts";
import { CniError, ErrorCode } from "../../../lib/cni/error.ts";
import { findLink, type Link } from "../../../lib/netlink/link.ts";

/** @throws CniError */
export function requireLink(sandbox: Sandbox, ifName: string): Link {
	const link = findLink(sandbox.socket, { name: ifName });
	if (link !== undefined) return link;
	throw new CniError(ErrorCode.internal, `failed to get "${ifName}": Link not found`, {
		details: "The plugin before in the list makes it",
	});
}
