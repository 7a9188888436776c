import { CniError, ErrorCode } from "../../../lib/cni/error.ts";
import type { NewTokenBucket, TokenBucket } from "../../../lib/netlink/token-bucket.ts";

/** What one direction of an interface may carry. */
export interface Limit {
	readonly rateBitsPerSecond: number;
	/** What may go at full speed after a pause. */
	readonly burstBits: number;
}

/** As configurations name them: `ingress` is towards the container. */
export type Direction = "ingress" | "egress";

/** Both directions of an interface; undefined without a limit. */
export type Limits = Readonly<Record<Direction, Limit | undefined>>;

/** Of `struct tc_tbf_qopt`, in which the reference counts. */
const largestU32 = 0xffff_ffff;
/** The kernel's tick is 64 ns since 2.6.31; /proc/net/psched says so to whoever asks. */
const ticksPerMicrosecond = 15.625;
const latencyMilliseconds = 25;

/**
 * The limit of one direction, or none where both values are 0.
 *
 * @throws CniError code 7 for values that belong to no limit, or to one that the kernel cannot hold
 */
export function limitOf(direction: Direction, { rateBitsPerSecond, burstBits }: Limit): Limit | undefined {
	if (burstBits === 0 && rateBitsPerSecond !== 0) {
		throw refuse("if rate is set, burst must also be set", `"${direction}Rate" is set, and "${direction}Burst" is not`);
	}
	if (rateBitsPerSecond === 0 && burstBits !== 0) {
		throw refuse("if burst is set, rate must also be set", `"${direction}Burst" is set, and "${direction}Rate" is not`);
	}
	if (burstBits / 8 >= largestU32) throw refuse("burst cannot be more than 4GB", `"${direction}Burst" counts bits`);
	if (burstBits === 0) return undefined;
	for (const [key, value] of [
		["Rate", rateBitsPerSecond],
		["Burst", burstBits],
	] as const) {
		if (value < 8) {
			throw refuse(`"${direction}${key}" must be 8 or more, or 0, not ${value}`, "It counts bits: 8 are one byte");
		}
	}
	return { rateBitsPerSecond, burstBits };
}

/**
 * The limit as the kernel is told it. The size of the bucket goes in ticks, as the reference sends it, unless 32 bits of
 * them cannot hold it or rounding would make it smaller by more than a hundredth: then in bytes.
 */
export function tokenBucketOf(limit: Limit): NewTokenBucket {
	const { rate, burst } = inBytes(limit);
	const ticks = referenceTicks(limit);
	const expressed = (ticks / ticksPerMicrosecond / 1e6) * rate;
	return {
		rateBytesPerSecond: BigInt(rate),
		limitBytes: Math.min(latencyBytes(rate) + burst, largestU32),
		...(ticks <= largestU32 && expressed >= burst * 0.99
			? { bufferTicks: ticks }
			: { bufferTicks: Math.min(ticks, largestU32), burstBytes: burst }),
	};
}

/** How the bucket that the kernel has differs from the limit; undefined where it does not. */
export function differenceFrom(limit: Limit, actual: TokenBucket): "Rate" | "Limit" | "Buffer" | undefined {
	const { rate, burst } = inBytes(limit);
	const { rateBytesPerSecond, limitBytes } = tokenBucketOf(limit);
	if (actual.rateBytesPerSecond !== rateBytesPerSecond) return "Rate";
	// Of a container that the reference started, the sum may have wrapped.
	if (![limitBytes, lowest32(latencyBytes(rate) + burst)].includes(actual.limitBytes)) return "Limit";
	return isBufferOf(limit, actual.bufferTicks) ? undefined : "Buffer";
}

/** Whether the kernel may report so many ticks for the limit, whichever suite and form it was told in. */
function isBufferOf(limit: Limit, ticks: number): boolean {
	const { rate, burst } = inBytes(limit);
	if (ticks === referenceTicks(limit) || ticks === wrappedTicks(limit)) return true;
	// Told in bytes, it computes the ticks with fractions that need not be ours, and reports the lowest 32 bits.
	const exact = (burst * 1e6 * ticksPerMicrosecond) / rate;
	const tolerance = 2 + exact * 1e-6;
	const apart = lowest32(Math.abs(ticks - lowest32(exact)));
	return Math.min(apart, 2 ** 32 - apart) <= tolerance;
}

function inBytes({ rateBitsPerSecond, burstBits }: Limit): { rate: number; burst: number } {
	return { rate: Math.floor(rateBitsPerSecond / 8), burst: Math.floor(burstBits / 8) };
}

/** Rounded down to microseconds, then to ticks, in this order. */
function referenceTicks(limit: Limit): number {
	const { rate, burst } = inBytes(limit);
	return Math.floor(Math.floor((burst * 1e6) / rate) * ticksPerMicrosecond);
}

/** What comes of it in arithmetic of 32 bits. */
function wrappedTicks(limit: Limit): number {
	const { rate, burst } = inBytes(limit);
	return lowest32(lowest32((burst * 1e6) / rate) * ticksPerMicrosecond);
}

/** What may wait beside a whole burst: what goes in 25 ms. */
function latencyBytes(rate: number): number {
	// Not multiplied first: that product may exceed what a number holds exactly.
	return Math.floor(rate / (1000 / latencyMilliseconds));
}

function lowest32(value: number): number {
	return Math.floor(value) % 2 ** 32;
}

function refuse(message: string, details: string): CniError {
	return new CniError(ErrorCode.invalidNetworkConfig, message, { details });
}
