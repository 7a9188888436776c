import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { differenceFrom, type Limit, limitOf, tokenBucketOf } from "../../../plugins/meta/bandwidth/limit.ts";

const limit = (rateBitsPerSecond: number, burstBits: number): Limit => ({ rateBitsPerSecond, burstBits });
const largestU32 = 0xffff_ffff;

describe("a limit as the kernel is told it", () => {
	test.each([
		[8, 8, 1n, 15_625_000, 1],
		[16, 8, 2n, 7_812_500, 1],
		[8000, 80, 1000n, 156_250, 35],
		[8000, 16_000, 1000n, 31_250_000, 2025],
	])("the reference's for %i bit/s and %i bits", (rate, burst, rateBytesPerSecond, bufferTicks, limitBytes) => {
		expect(tokenBucketOf(limit(rate, burst))).toEqual({ rateBytesPerSecond, bufferTicks, limitBytes });
	});

	test("a bucket too large for 32 bits of ticks goes in bytes, where the reference's wraps", () => {
		expect(tokenBucketOf(limit(1_000_000, 2_147_483_647))).toEqual({
			rateBytesPerSecond: 125_000n,
			bufferTicks: largestU32,
			burstBytes: 268_435_455,
			limitBytes: 268_438_580,
		});
	});

	test("a bucket that fills in less than some microseconds goes in bytes, where the reference's is rounded to less than a packet", () => {
		expect(tokenBucketOf(limit(10_000_000_000, 12_112))).toMatchObject({ bufferTicks: 15, burstBytes: 1514 });
	});

	test("a rate beyond 32 bits is whole", () => {
		expect(tokenBucketOf(limit(80_000_000_000, 800_000_000)).rateBytesPerSecond).toBe(10_000_000_000n);
		expect(tokenBucketOf(limit(2 ** 64, 8000)).rateBytesPerSecond).toBe(2n ** 61n);
	});

	test("a rate that only just fits a number has its exact share of 25 ms", () => {
		const given = limit(231_157_394_839_360, 8);
		expect(differenceFrom(given, reference(given))).toBeUndefined();
	});

	test("the sum of latency and burst stays within 32 bits", () => {
		expect(tokenBucketOf(limit(1e12, 34_359_738_352))).toMatchObject({ limitBytes: largestU32 });
	});
});

const limits = fc
	.tuple(
		fc.maxSafeNat().filter((n) => n >= 8),
		fc.integer({ min: 8, max: 34_359_738_352 }),
	)
	.map(([rate, burst]) => limit(rate, burst));

describe("for every limit", () => {
	test("whatever is sent fits its field, and the bucket is never smaller than it should be by more than a hundredth", () => {
		fc.assert(
			fc.property(limits, (given) => {
				const bucket = tokenBucketOf(given);
				for (const value of [bucket.bufferTicks, bucket.limitBytes, bucket.burstBytes ?? 0]) {
					expect(Number.isInteger(value) && value >= 0 && value <= largestU32).toBe(true);
				}
				const rate = Number(bucket.rateBytesPerSecond);
				const bytes = bucket.burstBytes ?? (bucket.bufferTicks * 64 * rate) / 1e9;
				expect(bytes).toBeGreaterThanOrEqual(Math.floor(given.burstBits / 8) * 0.99);
				expect(bucket.limitBytes).toBeGreaterThanOrEqual(Math.floor(given.burstBits / 8));
			}),
		);
	});

	test("what the kernel then reports is no difference", () => {
		fc.assert(fc.property(limits, (given) => expect(differenceFrom(given, reported(given))).toBeUndefined()));
	});

	test("what the reference has told the kernel is no difference, also where it wrapped", () => {
		fc.assert(fc.property(limits, (given) => expect(differenceFrom(given, reference(given))).toBeUndefined()));
	});

	test("another rate is a difference", () => {
		fc.assert(
			fc.property(limits, fc.integer({ min: 8, max: 1000 }), (given, more) => {
				const other = { ...given, rateBitsPerSecond: given.rateBitsPerSecond + more };
				expect(differenceFrom(given, reported(other))).toBe("Rate");
			}),
		);
	});
});

test("another burst is a difference", () => {
	expect(differenceFrom(limit(8000, 16_000), reported(limit(8000, 16_080)))).toBe("Limit");
	const { rateBytesPerSecond, limitBytes } = tokenBucketOf(limit(8000, 16_000));
	expect(differenceFrom(limit(8000, 16_000), { rateBytesPerSecond, limitBytes, bufferTicks: 31_260_000 })).toBe(
		"Buffer",
	);
});

/** The lowest 32 bits of the ticks in which the bucket fills. */
function reported(given: Limit) {
	const { burstBytes, ...bucket } = tokenBucketOf(given);
	if (burstBytes === undefined) return bucket;
	const nanoseconds = (BigInt(burstBytes) * 1_000_000_000n) / bucket.rateBytesPerSecond;
	return { ...bucket, bufferTicks: Number(BigInt.asUintN(32, nanoseconds >> 6n)) };
}

/** The reference's arithmetic of 32 bits, in integers of any size. */
function reference({ rateBitsPerSecond, burstBits }: Limit) {
	const rate = BigInt(Math.floor(rateBitsPerSecond / 8));
	const burst = BigInt(Math.floor(burstBits / 8));
	const u32 = (value: bigint) => BigInt.asUintN(32, value);
	const latency = u32((rate * 25_000n) / 1_000_000n);
	return {
		rateBytesPerSecond: rate,
		bufferTicks: Number(u32((u32((burst * 1_000_000n) / rate) * 15_625n) / 1000n)),
		limitBytes: Number(u32(latency + burst)),
	};
}

describe("values of a configuration", () => {
	test.each<[string, number, number, string | undefined]>([
		["the largest burst", 5000, 4 * 1024 ** 3 * 8 - 16, undefined],
		["neither", 0, 0, undefined],
		["a burst of 4 GiB", 5000, 4 * 1024 ** 3 * 8, "burst cannot be more than 4GB"],
		["a burst without a rate", 0, 1, "if burst is set, rate must also be set"],
		["a rate without a burst", 1, 0, "if rate is set, burst must also be set"],
		["a rate of less than a byte", 7, 800, '"egressRate" must be 8 or more, or 0, not 7'],
		["a burst of less than a byte", 800, 7, '"egressBurst" must be 8 or more, or 0, not 7'],
	])("%s", (_, rate, burst, message) => {
		if (message === undefined) limitOf("egress", limit(rate, burst));
		else expect(() => limitOf("egress", limit(rate, burst))).toThrow(message);
	});

	test("without values there is no limit", () => {
		expect(limitOf("ingress", limit(0, 0))).toBeUndefined();
		expect(limitOf("ingress", limit(8, 8))).toEqual(limit(8, 8));
	});
});
