import { describe, expect, it } from "@jest/globals";
import { saturate } from "../support/throughput.ts";
import { createWorld, leftovers } from "../support/world.ts";
import { limitedAttachment } from "./bandwidth-network.ts";
import { kept } from "./bridge-network.ts";

const megabit = 1_000_000;
const rate = 20 * megabit;
/** A twentieth of a second: little beside two seconds of traffic. */
const burst = rate / 20;

/** Between what a busy machine loses and what the bucket lends, with the headers of TCP. */
function expectLimited(measured: number, limit: number): void {
	expect(measured).toBeGreaterThan(limit * 0.5);
	expect(measured).toBeLessThan(limit * 1.25);
}

describe("a saturating sender", () => {
	it("is held to its limit, and the neighbour that has none is not", async () => {
		using world = createWorld();
		const limited = limitedAttachment(world, {
			limits: { egressRate: rate, egressBurst: burst },
			containerId: "limited",
		});
		const free = limitedAttachment(world, { limits: {}, containerId: "free" });
		const sink = limitedAttachment(world, { limits: {}, containerId: "sink" });
		for (const one of [limited, free, sink]) one.add();
		const [slow, fast] = await Promise.all([
			saturate({ from: limited.container, to: sink.container, address: sink.address, port: 5001 }),
			saturate({ from: free.container, to: sink.container, address: sink.address, port: 5002 }),
		]);
		expectLimited(slow, rate);
		expect(fast).toBeGreaterThan(2 * rate);
		// The other direction has no limit.
		expect(
			await saturate({ from: sink.container, to: limited.container, address: limited.address, milliseconds: 500 }),
		).toBeGreaterThan(2 * rate);
		for (const one of [limited, free, sink]) one.remove();
		expect(leftovers(world, { except: kept })).toEqual([]);
	});

	it("reaches a container that may receive so much with so much, and its neighbour with all", async () => {
		using world = createWorld();
		const limited = limitedAttachment(world, {
			limits: { ingressRate: rate, ingressBurst: burst },
			containerId: "limited",
		});
		const free = limitedAttachment(world, { limits: {}, containerId: "free" });
		const source = limitedAttachment(world, { limits: {}, containerId: "source" });
		for (const one of [limited, free, source]) one.add();
		const [slow, fast] = await Promise.all([
			saturate({ from: source.container, to: limited.container, address: limited.address }),
			saturate({ from: source.container, to: free.container, address: free.address }),
		]);
		expectLimited(slow, rate);
		expect(fast).toBeGreaterThan(2 * rate);
		expect(
			await saturate({ from: limited.container, to: source.container, address: source.address, milliseconds: 500 }),
		).toBeGreaterThan(2 * rate);
	});

	it("is free again after DEL, and limited after ADD, the interface being the same", async () => {
		using world = createWorld();
		const limits = { egressRate: rate, egressBurst: burst, ingressRate: rate, ingressBurst: burst };
		const limited = limitedAttachment(world, { limits, containerId: "limited" });
		const sink = limitedAttachment(world, { limits: {}, containerId: "sink" });
		for (const one of [limited, sink]) one.add();
		const flow = { from: limited.container, to: sink.container, address: sink.address, milliseconds: 1000 };
		expectLimited(await saturate(flow), rate);
		limited.must("DEL");
		expect(await saturate(flow)).toBeGreaterThan(2 * rate);
		limited.must("ADD");
		expectLimited(await saturate(flow), rate);
	});

	it("may send a burst of its size at full speed, where the reference's wraps", async () => {
		using world = createWorld();
		// 1 kB/s, and a bucket that takes 2,000 s to fill: with 32 bits of ticks it would hold 76 kB.
		const limits = { egressRate: 8000, egressBurst: 16 * megabit };
		const limited = limitedAttachment(world, { limits, containerId: "limited" });
		const sink = limitedAttachment(world, { limits: {}, containerId: "sink" });
		for (const one of [limited, sink]) one.add();
		const flow = { from: limited.container, to: sink.container, address: sink.address, milliseconds: 1000 };
		const bits = await saturate(flow);
		expect(bits).toBeGreaterThan(10 * megabit);
		expect(bits).toBeLessThan(18 * megabit);
	});
});
