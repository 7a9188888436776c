import { CniError, ErrorCode } from "../../cni/error.ts";
import { isDefaultPrefix } from "../../ip/address.ts";
import { findLink, type Link } from "../../netlink/link.ts";
import { listRoutes, mainTable } from "../../netlink/route.ts";
import type { NetlinkSocket } from "../../netlink/wire/socket.ts";
import type { OnMasterSettings } from "./link-on-master.ts";

/** The interface that is to be the master. @throws CniError when there is none */
export function findMaster(socket: NetlinkSocket, { master, masterInContainer }: OnMasterSettings): Link {
	if (typeof master === "object") {
		const link = findLink(socket, master);
		if (link !== undefined) return link;
		const where = masterInContainer ? "in the container" : "on the host";
		throw failed(`failed to lookup master "${master.name}": Link not found`, {
			details: `There is no interface "${master.name}" ${where}: "master" must name one`,
		});
	}
	const index = listRoutes(socket, mainTable).find(({ destination }) => isDefaultPrefix(destination))?.hops[0]
		?.linkIndex;
	const link = index === undefined ? undefined : findLink(socket, { index });
	if (link !== undefined) return link;
	throw failed("no default route interface found", { details: 'Name the interface to be used in "master"' });
}

/** @throws CniError code 7 for an MTU that the master does not carry */
export function requireMtu(mtu: number, master: Link): void {
	if (mtu >= 0 && mtu <= master.mtu) return;
	throw failed(`invalid MTU ${mtu}, must be [0, master MTU(${master.mtu})]`, {
		code: ErrorCode.invalidNetworkConfig,
		details: `The master is "${master.name}". Leave "mtu" out for its MTU`,
	});
}

function failed(message: string, { details, code = ErrorCode.internal }: { details: string; code?: number }): CniError {
	return new CniError(code, message, { details });
}
