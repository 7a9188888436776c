import { CniError, ErrorCode, messageOf } from "../../../lib/cni/error.ts";
import { deleteLink, findLink, isNoSuchLink, type Link, listLinks } from "../../../lib/netlink/link.ts";
import { firstFreeTable, usedTables } from "../../../lib/netlink/used-tables.ts";
import { addVrf, vrfTableOf } from "../../../lib/netlink/vrf.ts";
import type { NetlinkSocket } from "../../../lib/netlink/wire/socket.ts";
import type { VrfSettings } from "./config.ts";

export interface VrfDevice {
	readonly link: Link;
	readonly table: number;
}

/** The VRF of that name; undefined when there is none. @throws CniError for another interface, or another table */
export function findVrf(socket: NetlinkSocket, { name, table }: VrfSettings): VrfDevice | undefined {
	const link = findLink(socket, { name });
	if (link === undefined) return undefined;
	const own = vrfTableOf(link);
	if (own === undefined) {
		throw failed(`Netlink ${name} is not a VRF`, `It is of type "${link.kind}". Choose another "vrfname"`);
	}
	if (table !== undefined && own !== table) {
		throw failed(`VRF ${name} already exist with different routing table ${own}`, `The configuration says ${table}`);
	}
	return { link, table: own };
}

/** The table for a new VRF: the configuration's, or the first that no VRF, rule or route uses. */
export function chooseTable(socket: NetlinkSocket, { table }: VrfSettings): number {
	if (table !== undefined) return table;
	const used = new Set([...usedTables(socket), ...listLinks(socket).flatMap((link) => vrfTableOf(link) ?? [])]);
	return firstFreeTable(used, 1);
}

/** @throws CniError */
export function createVrf(socket: NetlinkSocket, { name, table }: { name: string; table: number }): VrfDevice {
	try {
		socket.request(addVrf({ name, table }));
	} catch (thrown) {
		throw failed(
			`could not add VRF ${name}: ${messageOf(thrown)}`,
			'"operation not supported" means that the kernel lacks VRF (CONFIG_NET_VRF, module vrf)',
		);
	}
	const link = findLink(socket, { name });
	if (link === undefined) throw failed(`could not add VRF ${name}: Link not found`);
	return { link, table };
}

/** Removes a VRF that is the master of nothing. */
export function removeIfUnused(socket: NetlinkSocket, name: string): void {
	const link = findLink(socket, { name });
	if (
		link === undefined ||
		vrfTableOf(link) === undefined ||
		listLinks(socket).some(({ master }) => master === link.index)
	)
		return;
	try {
		socket.request(deleteLink(link));
	} catch (thrown) {
		if (!isNoSuchLink(thrown)) throw thrown;
	}
}

function failed(message: string, details = ""): CniError {
	return new CniError(ErrorCode.internal, `cmdAdd failed: ${message}`, { details });
}
