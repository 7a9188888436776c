import { Errno } from "../linux/errno.ts";
import { ifinfomsg, type LinkReference, nameOf } from "./link-message.ts";
import { RTM_GETLINK } from "./rtnetlink.ts";
import { decodeAttributes } from "./wire/attributes.ts";
import type { NetlinkSocket } from "./wire/socket.ts";

/** Counters of an interface since it was made; `ip -s link show`. */
export interface LinkStatistics {
	readonly rxPackets: number;
	readonly txPackets: number;
	readonly rxBytes: number;
	readonly txBytes: number;
	readonly rxErrors: number;
	readonly txErrors: number;
	readonly rxDropped: number;
	readonly txDropped: number;
}

const IFLA_STATS64 = 23;

/** `ip -s link show NAME`; undefined when there is none. @throws NetlinkError */
export function readLinkStatistics(socket: NetlinkSocket, link: LinkReference): LinkStatistics | undefined {
	const request = { type: RTM_GETLINK, header: ifinfomsg(link), attributes: nameOf(link) };
	const answer = socket.find(request, Errno.ENODEV);
	const payload = answer === undefined ? undefined : decodeAttributes(answer.body.subarray(16)).get(IFLA_STATS64);
	return payload === undefined ? undefined : decodeStatistics(payload);
}

/** `struct rtnl_link_stats64`: u64 each, in this order. */
function decodeStatistics(payload: Uint8Array): LinkStatistics {
	const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
	const counter = (index: number) => Number(view.getBigUint64(8 * index, true));
	return {
		rxPackets: counter(0),
		txPackets: counter(1),
		rxBytes: counter(2),
		txBytes: counter(3),
		rxErrors: counter(4),
		txErrors: counter(5),
		rxDropped: counter(6),
		txDropped: counter(7),
	};
}
