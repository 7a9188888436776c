import { Errno } from "../linux/errno.ts";
import { RTM_DELQDISC, RTM_GETQDISC, RTM_NEWQDISC } from "./rtnetlink.ts";
import { decodeTokenBucket, encodeTokenBucket, type NewTokenBucket, type TokenBucket } from "./token-bucket.ts";
import {
	type ByIndex,
	type Handle,
	ingressHandle,
	ingressParent,
	rootParent,
	TCA_KIND,
	TCA_OPTIONS,
	tcmsg,
	tcmsgSize,
} from "./traffic-control.ts";
import { attribute, decodeAttributes, read } from "./wire/attributes.ts";
import {
	type Message,
	NLM_F_ACK,
	NLM_F_CREATE,
	NLM_F_ECHO,
	NLM_F_EXCL,
	NLM_F_REPLACE,
	type ReceivedMessage,
} from "./wire/message.ts";
import type { NetlinkSocket } from "./wire/socket.ts";

/** A queueing discipline of a link; `tc qdisc show`. */
export interface Qdisc {
	readonly linkIndex: number;
	/** `tbf`, `ingress`, `noqueue`, … */
	readonly kind: string;
	/** 0 for one that the kernel made by itself. */
	readonly handle: Handle;
	readonly parent: Handle;
	/** What it is as a token bucket filter. */
	readonly tokenBucket: TokenBucket | undefined;
}

/** `tc qdisc show dev LINK root` (or `ingress`); undefined when there is none, not even a default. @throws NetlinkError */
export function findQdisc(
	socket: NetlinkSocket,
	{ index, parent }: ByIndex & { readonly parent: Handle },
): Qdisc | undefined {
	// The kernel answers with an event, which is for us only when we ask for an echo; and not at all where the discipline
	// is a built-in one: that of a link that is down.
	const flags = NLM_F_ACK | NLM_F_ECHO;
	const request = { type: RTM_GETQDISC, flags, header: tcmsg({ linkIndex: index, parent }) };
	const answer = socket.find(request, Errno.ENOENT);
	return answer === undefined ? undefined : decodeQdisc(answer);
}

/** `tc qdisc show`, of all links of the namespace. @throws NetlinkError */
export function listQdiscs(socket: NetlinkSocket): readonly Qdisc[] {
	return socket.dump({ type: RTM_GETQDISC, header: tcmsg({ linkIndex: 0 }) }).map(decodeQdisc);
}

/** `tc qdisc replace dev LINK root handle HANDLE tbf rate RATE burst BURST limit LIMIT`. */
export function replaceTokenBucket(
	{ index }: ByIndex,
	{ handle, bucket }: { handle: Handle; bucket: NewTokenBucket },
): Message {
	return {
		type: RTM_NEWQDISC,
		flags: NLM_F_CREATE | NLM_F_REPLACE,
		header: tcmsg({ linkIndex: index, handle, parent: rootParent }),
		attributes: [attribute.string(TCA_KIND, "tbf"), attribute.nestedPlain(TCA_OPTIONS, encodeTokenBucket(bucket))],
	};
}

/** `tc qdisc add dev LINK handle ffff: ingress`; fails with EEXIST when the link has it. */
export function addIngress({ index }: ByIndex): Message {
	return {
		type: RTM_NEWQDISC,
		flags: NLM_F_CREATE | NLM_F_EXCL,
		header: tcmsg({ linkIndex: index, handle: ingressHandle, parent: ingressParent }),
		attributes: [attribute.string(TCA_KIND, "ingress")],
	};
}

/** `tc qdisc del dev LINK root` (or `ingress`), with the filters in it; fails with ENOENT or EINVAL without one. */
export function deleteQdisc({ index }: ByIndex, parent: Handle): Message {
	return { type: RTM_DELQDISC, header: tcmsg({ linkIndex: index, parent }) };
}

/**
 * A request for a discipline of the kind that no kernel grants: as the root of loopback, without the options that it
 * needs. Fails with ENOENT where the kind is unknown, else in another way. @param index of the loopback interface
 */
export function probeQdisc({ index }: ByIndex, kind: string): Message {
	return {
		type: RTM_NEWQDISC,
		flags: NLM_F_CREATE | NLM_F_REPLACE,
		header: tcmsg({ linkIndex: index, parent: rootParent }),
		attributes: [attribute.string(TCA_KIND, kind)],
	};
}

export function decodeQdisc({ body }: ReceivedMessage): Qdisc {
	const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
	const attributes = decodeAttributes(body.subarray(tcmsgSize));
	const kind = read.string(attributes.get(TCA_KIND)) ?? "";
	const options = attributes.get(TCA_OPTIONS);
	return {
		linkIndex: view.getInt32(4, true),
		kind,
		handle: view.getUint32(8, true),
		parent: view.getUint32(12, true),
		tokenBucket: kind === "tbf" && options !== undefined ? decodeTokenBucket(options) : undefined,
	};
}
