import type { Sandbox } from "../../../lib/attachment/sandbox.ts";
import { findLink, setLink } from "../../../lib/netlink/link.ts";
import { mainTable } from "../../../lib/netlink/route.ts";
import { vrfTableOf } from "../../../lib/netlink/vrf.ts";
import type { VrfRecord } from "../../../lib/state/vrf-record.ts";
import { belongingsOf, fromTexts, giveBack, inOtherTable } from "./belongings.ts";

/**
 * Takes the interface out of the VRF and gives it back the addresses and routes that it had before, or, without a record,
 * those that it has in the VRF. What is gone is success.
 *
 * @returns what could not be put back, and why
 */
export function release(
	{ socket }: Sandbox,
	{ ifName, vrf, record }: { ifName: string; vrf: string; record: VrfRecord | undefined },
): readonly string[] {
	const link = findLink(socket, { name: ifName });
	// Of another interface that has got the name since, nothing is known.
	const own = record?.linkIndex === link?.index ? record : undefined;
	const device = findLink(socket, { name: vrf });
	const table = device === undefined ? undefined : vrfTableOf(device);
	if (link === undefined) return [];
	const isIn = table !== undefined && link.master === device?.index;
	if (!isIn && own === undefined) return [];
	const present = belongingsOf(socket, link.index);
	if (isIn) socket.request(setLink(link, { master: 0 }));
	const former = { from: table ?? mainTable, to: mainTable };
	const belongings = own === undefined ? inOtherTable(present, former) : fromTexts(own);
	return giveBack(socket, { linkIndex: link.index, belongings });
}
