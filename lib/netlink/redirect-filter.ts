import { RTM_DELTFILTER, RTM_GETTFILTER, RTM_NEWTFILTER } from "./rtnetlink.ts";
import { type ByIndex, ingressHandle, TCA_KIND, TCA_OPTIONS, tcmsg, tcmsgSize } from "./traffic-control.ts";
import { attribute, decodeAttributeList, decodeAttributes, read } from "./wire/attributes.ts";
import { type Message, NLM_F_CREATE, NLM_F_EXCL, type ReceivedMessage } from "./wire/message.ts";
import type { NetlinkSocket } from "./wire/socket.ts";

/** A filter of the ingress discipline; `tc filter show dev LINK ingress`. A filter may have several such entries. */
export interface IngressFilter {
	/** `u32`, `matchall`, … */
	readonly kind: string;
	/** The lowest is asked first. */
	readonly priority: number;
	/** Indexes of the links to which its actions redirect; 0 for one that is gone. */
	readonly redirectsTo: readonly number[];
}

const TCA_U32_CLASSID = 1;
const TCA_U32_SEL = 5;
const TCA_U32_ACT = 7;
const TC_U32_TERMINAL = 1;
const TCA_MATCHALL_ACT = 2;
const TCA_ACT_KIND = 1;
const TCA_ACT_OPTIONS = 2;
const TCA_MIRRED_PARMS = 2;
const TC_ACT_STOLEN = 4;
const TCA_EGRESS_REDIR = 1;

/** ETH_P_ALL in network order, and the priority in the upper half: `tcm_info`. */
const protocolAll = 0x0300;
const infoOf = (priority: number) => ((priority << 16) | protocolAll) >>> 0;

/**
 * `tc filter add dev LINK parent ffff: protocol all prio PRIORITY u32 match u8 0 0 classid 1:1 action mirred egress
 * redirect dev TARGET`: whatever the link receives is sent through the target.
 */
export function addRedirect({ index }: ByIndex, { priority, target }: { priority: number; target: ByIndex }): Message {
	return {
		type: RTM_NEWTFILTER,
		flags: NLM_F_CREATE | NLM_F_EXCL,
		header: tcmsg({ linkIndex: index, parent: ingressHandle, info: infoOf(priority) }),
		attributes: [
			attribute.string(TCA_KIND, "u32"),
			attribute.nestedPlain(TCA_OPTIONS, [
				attribute.u32(TCA_U32_CLASSID, 0x0001_0001),
				attribute.nestedPlain(TCA_U32_ACT, [
					// Actions are numbered from 1 in the order in which they are taken.
					attribute.nestedPlain(1, [
						attribute.string(TCA_ACT_KIND, "mirred"),
						attribute.nested(TCA_ACT_OPTIONS, [attribute.bytes(TCA_MIRRED_PARMS, mirred(target))]),
					]),
				]),
				attribute.bytes(TCA_U32_SEL, selectorOfAll()),
			]),
		],
	};
}

/** `tc filter del dev LINK parent ffff: prio PRIORITY`. */
export function deleteFilters({ index }: ByIndex, priority: number): Message {
	const header = tcmsg({ linkIndex: index, parent: ingressHandle, info: (priority << 16) >>> 0 });
	return { type: RTM_DELTFILTER, header };
}

/** `tc filter show dev LINK parent ffff:`; empty for a link without an ingress discipline. @throws NetlinkError */
export function listIngressFilters(socket: NetlinkSocket, { index }: ByIndex): readonly IngressFilter[] {
	const header = tcmsg({ linkIndex: index, parent: ingressHandle });
	return socket.dump({ type: RTM_GETTFILTER, header }).map(decodeIngressFilter);
}

export function decodeIngressFilter({ body }: ReceivedMessage): IngressFilter {
	const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
	const attributes = decodeAttributes(body.subarray(tcmsgSize));
	const kind = read.string(attributes.get(TCA_KIND)) ?? "";
	const options = read.nested(attributes.get(TCA_OPTIONS));
	const actions = options.get(kind === "matchall" ? TCA_MATCHALL_ACT : TCA_U32_ACT);
	const readsActions = kind === "matchall" || kind === "u32";
	return {
		kind,
		priority: view.getUint32(16, true) >>> 16,
		redirectsTo: readsActions && actions !== undefined ? redirectionsOf(actions) : [],
	};
}

function redirectionsOf(actions: Uint8Array): readonly number[] {
	return decodeAttributeList(actions).flatMap(({ payload }) => {
		const action = decodeAttributes(payload);
		if (read.string(action.get(TCA_ACT_KIND)) !== "mirred") return [];
		const parameters = read.nested(action.get(TCA_ACT_OPTIONS)).get(TCA_MIRRED_PARMS);
		if (parameters === undefined || parameters.byteLength < mirredSize) return [];
		const view = new DataView(parameters.buffer, parameters.byteOffset, parameters.byteLength);
		return view.getInt32(20, true) === TCA_EGRESS_REDIR ? [view.getUint32(24, true)] : [];
	});
}

/** `struct tc_mirred`: u32 index, u32 capabilities, i32 action, i32 and i32 counters, i32 what to do, u32 link index. */
const mirredSize = 28;

function mirred({ index }: ByIndex): Uint8Array {
	const bytes = new Uint8Array(mirredSize);
	const view = new DataView(bytes.buffer);
	view.setInt32(8, TC_ACT_STOLEN, true);
	view.setInt32(20, TCA_EGRESS_REDIR, true);
	view.setUint32(24, index, true);
	return bytes;
}

/** `struct tc_u32_sel` of 16 bytes, and one `struct tc_u32_key` of 16: a mask of 0, which matches every packet. */
function selectorOfAll(): Uint8Array {
	const selector = new Uint8Array(32);
	selector[0] = TC_U32_TERMINAL;
	selector[2] = 1;
	return selector;
}
