import type { Sandbox } from "../../../lib/attachment/sandbox.ts";
import { CniError, ErrorCode } from "../../../lib/cni/error.ts";
import { formatPrefix, samePrefix } from "../../../lib/ip/address.ts";
import { findLink } from "../../../lib/netlink/link.ts";
import { mainTable } from "../../../lib/netlink/route.ts";
import { vrfTableOf } from "../../../lib/netlink/vrf.ts";
import type { VrfRecord } from "../../../lib/state/vrf-record.ts";
import { belongingsOf, fromTexts, inOtherTable, isSameRoute } from "./belongings.ts";
import type { VrfSettings } from "./config.ts";

/** Compares master, addresses and routes of the interface with what ADD has made. @throws CniError naming the first difference */
export function verifyVrf(
	{ socket }: Sandbox,
	{ ifName, settings, record }: { ifName: string; settings: VrfSettings; record: VrfRecord | undefined },
): void {
	const { name } = settings;
	const device = findLink(socket, { name });
	const table = device === undefined ? undefined : vrfTableOf(device);
	if (device === undefined || table === undefined) throw fault(`VRF ${name} not found`, "DEL and ADD make it again");
	const wanted = settings.table ?? record?.table ?? table;
	if (table !== wanted) throw fault(`VRF ${name} has routing table ${table}, and ADD made it with ${wanted}`);
	if (!device.up) throw fault(`VRF ${name} is down`, `Bring it up with: ip link set ${name} up`);
	const link = findLink(socket, { name: ifName });
	if (link === undefined || link.master !== device.index) {
		throw fault(`failed to find ${ifName} associated to vrf ${name}`, `ip link set ${ifName} master ${name}`);
	}
	if (record?.linkIndex !== link.index) return;
	const expected = inOtherTable(fromTexts(record), { from: mainTable, to: table });
	const present = belongingsOf(socket, link.index);
	const address = expected.addresses.find((one) => !present.addresses.some((other) => samePrefix(one, other)));
	if (address !== undefined) throw fault(`Failed to match addr ${formatPrefix(address)} on interface ${ifName}`);
	const route = expected.routes.find((one) => !present.routes.some((other) => isSameRoute(one, other)));
	if (route !== undefined) {
		throw fault(`Expected Route ${formatPrefix(route.destination)} not found in table ${route.table} of VRF ${name}`);
	}
}

function fault(message: string, details = ""): CniError {
	return new CniError(ErrorCode.internal, message, { details });
}
