import type { LinkReference } from "./link-message.ts";

/*
 * What requests about queueing disciplines and filters are made of; `tc`.
 */

export const TCA_KIND = 1;
export const TCA_OPTIONS = 2;

/** A handle `MAJOR:MINOR` of `tc`: two halves of 16 bits. */
export type Handle = number;

/** The place of the discipline through which a link sends; `tc … root`. */
export const rootParent: Handle = 0xffff_ffff;
/** The place of the discipline through which a link receives; `tc … ingress`. */
export const ingressParent: Handle = 0xffff_fff1;
/** The handle of the ingress discipline, `ffff:`, which is the parent of its filters. */
export const ingressHandle: Handle = 0xffff_0000;

/** `struct tcmsg`: u8 family, 3 pad, i32 link index, u32 handle, u32 parent, u32 info. */
export function tcmsg({
	linkIndex,
	handle = 0,
	parent = 0,
	info = 0,
}: {
	linkIndex: number;
	handle?: Handle;
	parent?: Handle;
	info?: number;
}): Uint8Array {
	const header = new Uint8Array(20);
	const view = new DataView(header.buffer);
	view.setInt32(4, linkIndex, true);
	view.setUint32(8, handle, true);
	view.setUint32(12, parent, true);
	view.setUint32(16, info, true);
	return header;
}

/** Bytes of {@link tcmsg}. */
export const tcmsgSize = 20;

/** Disciplines are named by the index of their link alone. */
export type ByIndex = Extract<LinkReference, { index: number }>;
