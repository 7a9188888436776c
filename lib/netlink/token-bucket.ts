import { type Attribute, attribute, decodeAttributes, read } from "./wire/attributes.ts";

/** A token bucket filter, tc-tbf(8), in the units of the kernel's messages. */
export interface TokenBucket {
	/** How fast tokens come. */
	readonly rateBytesPerSecond: bigint;
	/**
	 * Size of the bucket, as the time in which it fills, in ticks of 64 ns. The kernel reports the lowest 32 bits of it,
	 * however large the bucket is.
	 */
	readonly bufferTicks: number;
	/** Bytes that may wait for tokens. */
	readonly limitBytes: number;
}

export interface NewTokenBucket extends TokenBucket {
	/** Size of the bucket in bytes, where `bufferTicks` cannot express it; it counts instead of them. */
	readonly burstBytes?: number | undefined;
}

const TCA_TBF_PARMS = 1;
const TCA_TBF_RATE64 = 4;
const TCA_TBF_BURST = 6;

/** `struct tc_tbf_qopt`: two `struct tc_ratespec` of 12 bytes (the second for a peak rate), u32 limit, buffer, mtu. */
const qoptSize = 36;
/** Of the u32 rate in `struct tc_ratespec`. */
const rateOffset = 8;
const limitOffset = 24;
const bufferOffset = 28;
const largestU32 = 0xffff_ffff;

/** TCA_OPTIONS of a discipline of kind `tbf`. */
export function encodeTokenBucket(bucket: NewTokenBucket): readonly Attribute[] {
	const { rateBytesPerSecond, bufferTicks, limitBytes, burstBytes } = bucket;
	const isLarge = rateBytesPerSecond > BigInt(largestU32);
	const qopt = new Uint8Array(qoptSize);
	const view = new DataView(qopt.buffer);
	view.setUint32(rateOffset, isLarge ? largestU32 : Number(rateBytesPerSecond), true);
	view.setUint32(limitOffset, limitBytes, true);
	view.setUint32(bufferOffset, bufferTicks, true);
	return [
		attribute.bytes(TCA_TBF_PARMS, qopt),
		...(isLarge ? [attribute.u64(TCA_TBF_RATE64, rateBytesPerSecond)] : []),
		...(burstBytes === undefined ? [] : [attribute.u32(TCA_TBF_BURST, burstBytes)]),
	];
}

export function decodeTokenBucket(options: Uint8Array): TokenBucket | undefined {
	const attributes = decodeAttributes(options);
	const qopt = attributes.get(TCA_TBF_PARMS);
	if (qopt === undefined || qopt.byteLength < qoptSize) return undefined;
	const view = new DataView(qopt.buffer, qopt.byteOffset, qopt.byteLength);
	return {
		rateBytesPerSecond: read.u64(attributes.get(TCA_TBF_RATE64)) ?? BigInt(view.getUint32(rateOffset, true)),
		bufferTicks: view.getUint32(bufferOffset, true),
		limitBytes: view.getUint32(limitOffset, true),
	};
}
