import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { transact } from "../../lib/etcd/kv.ts";
import { formatAddress, formatPrefix, parseAddress } from "../../lib/ip/address.ts";
import { allocate } from "../../lib/ipam/allocate.ts";
import { type PoolRemoval, putPool, removePoolKey } from "../../lib/ipam/etcd-store/change-pools.ts";
import { layoutOf } from "../../lib/ipam/etcd-store/layout.ts";
import { parsePoolKey } from "../../lib/ipam/etcd-store/pool-key.ts";
import { parseRange, type RangeText } from "../../lib/ipam/range.ts";
import { parseRangeSet } from "../../lib/ipam/range-set.ts";
import { type Agent, createPool, faults, network, numbered, type Pool } from "../support/cluster-agents.ts";
import { keysBelow } from "../support/cluster-keys.ts";
import { type Etcd, keysNow } from "../support/etcd.ts";
import { etcdForAll } from "../support/etcd-for-all.ts";
import type { Namespace } from "../support/namespace.ts";
import { type PluginOutcome, runPlugin } from "../support/run-plugin.ts";
import { ping } from "../support/traffic.ts";
import type { World } from "../support/world.ts";
import { globalAddresses } from "./bridge-network.ts";

let world: World;
let etcd: Etcd;

etcdForAll((started) => {
	({ world, etcd } = started);
});

const placeOf = (pool: Pool) => ({ gateway: pool.gateway(), layout: layoutOf(pool.prefix, network) });

/** As `cnictl ipam pool add` does. */
async function addPool(pool: Pool, range: RangeText): Promise<string> {
	const key = placeOf(pool).layout.pool(parseRange(range).subnet);
	const before = (await keysBelow(pool.gateway(), `${pool.prefix}/network/${network}/pool`)).get(
		key.slice(key.lastIndexOf("/") + 1),
	);
	return (await putPool(placeOf(pool), { range: parseRange(range), before })).kind;
}

/** As `cnictl ipam pool remove` does. */
async function removePool(pool: Pool): Promise<PoolRemoval> {
	const [kv] = (await keysBelow(pool.gateway(), `${pool.prefix}/network/${network}/pool`)).values();
	if (kv === undefined) throw new Error("there is none");
	return removePoolKey(placeOf(pool), parsePoolKey(kv));
}

interface Wanted {
	readonly ips?: readonly string[];
	/** Of the configuration. */
	readonly ranges?: readonly RangeText[][];
	readonly firstOwn?: number;
}

/** A small network: five addresses. */
const small = [[{ subnet: "10.1.0.0/29" }]];

/** The address, its subnet's length and its gateway, or why there is none. */
async function add(agent: Agent, id: string, { ips = [], ranges = small, firstOwn }: Wanted = {}): Promise<string> {
	const requested = ips.flatMap((ip) => parseAddress(ip) ?? []);
	const owner = { containerId: id, ifName: "eth0" };
	try {
		const results = await allocate(agent.open(), { owner, sets: ranges.map(parseRangeSet), firstOwn, requested });
		return results
			.map(({ address, gateway }) => `${formatPrefix(address)} by ${gateway && formatAddress(gateway)}`)
			.join(" ");
	} catch (thrown) {
		return String(thrown);
	}
}

async function exhaust(agent: Agent): Promise<void> {
	for (const id of numbered(5)) expect(await add(agent, id)).toMatch(/^10\.1\.0\.\d\/29 by 10\.1\.0\.1$/);
}

test("a network that is exhausted has addresses again on every agent, at one call for an ADD", async () => {
	using pool = createPool(etcd);
	const [a, b] = [pool.agent("a"), pool.agent("b")];
	await exhaust(a);
	expect(await add(b, "x")).toMatch(/no IP addresses available in range set: 10\.1\.0\.1-10\.1\.0\.6$/);
	expect(await addPool(pool, { subnet: "10.5.0.0/24", gateway: "10.5.0.254" })).toBe("added");
	expect(await add(b, "x")).toBe("10.5.0.1/24 by 10.5.0.254");
	expect(await add(a, "x")).toBe("10.5.0.64/24 by 10.5.0.254");
	const before = [a, b].map(({ requests }) => requests());
	for (const agent of [a, b]) expect(await add(agent, "y")).toMatch(/^10\.5\.0\.(2|65)\/24/);
	expect([a, b].map(({ requests }, index) => requests() - (before[index] ?? 0))).toEqual([1, 1]);
	await a.del("y");
	expect((await a.open().find({ containerId: "x", ifName: "eth0" })).map(formatAddress)).toEqual(["10.5.0.64"]);
	const reclaimed = await a.open().reclaim(({ containerId }) => containerId !== "x");
	expect(reclaimed.map(({ address }) => formatAddress(address))).toEqual(["10.5.0.64"]);
	expect(await faults(pool)).toEqual([]);
});

test("a pool of one family leaves the other as it is, and both addresses come together or not at all", async () => {
	using pool = createPool(etcd);
	const a = pool.agent("a");
	const ranges = [[{ subnet: "10.1.0.0/24" }], [{ subnet: "fd01::/126" }]];
	for (const id of ["x", "y"]) expect(await add(a, id, { ranges })).toMatch(/fd01::[23]\/126 by fd01::1$/);
	expect(await add(a, "z", { ranges })).toContain("range 1: no IP addresses available");
	await addPool(pool, { subnet: "fd05::/64" });
	expect(await add(a, "z", { ranges })).toMatch(/^10\.1\.0\.\d+\/24 by 10\.1\.0\.1 fd05::2\/64 by fd05::1$/);
	expect(await a.open().list()).toHaveLength(6);
	expect(await faults(pool)).toEqual([]);
});

test("a pool that has room is found at once beside a large range that is used up", async () => {
	using pool = createPool(etcd);
	const ranges = [[{ subnet: "10.16.0.0/14" }]];
	const a = pool.agent("a");
	const owned = Array.from({ length: 1 << 12 }, (_, index) => 0x0a100000 + index * 64);
	for (let done = 0; done < owned.length; done += 100) {
		const keys = owned.slice(done, done + 100).map((value) => `block/4-${value.toString(16).padStart(8, "0")}-26`);
		await transact(pool.gateway(), {
			success: keys.map((key) => ({ put: `${pool.prefix}/network/${network}/${key}`, value: "other" })),
		});
	}
	await addPool(pool, { subnet: "10.5.0.0/16" });
	expect(await add(a, "first", { ranges, ips: ["10.5.0.2"] })).toBe("10.5.0.2/16 by 10.5.0.1");
	const before = a.requests();
	expect(await add(a, "x", { ranges })).toMatch(/^10\.5\.0\.\d+\/16/);
	expect(a.requests() - before).toBeLessThanOrEqual(8);
});

test("a requested address of a pool is given on an agent that has not heard of it; one of none is refused", async () => {
	using pool = createPool(etcd);
	await addPool(pool, { subnet: "10.5.0.0/24" });
	const [a, b] = [pool.agent("a"), pool.agent("b")];
	expect(await add(a, "x", { ips: ["10.5.0.77"] })).toBe("10.5.0.77/24 by 10.5.0.1");
	expect(await add(b, "y", { ips: ["10.5.0.77"] })).toContain("10.5.0.77 is not available");
	expect(await add(b, "y", { ips: ["10.5.0.1"] })).toContain("is subnet's gateway");
	expect(await add(b, "y", { ips: ["10.6.0.1"] })).toContain("failed to allocate all requested IPs: 10.6.0.1");
});

test("whoever has lost what it had heard of, or finds it damaged, learns it again", async () => {
	using pool = createPool(etcd);
	const directory = join(world.directory, "lost");
	const a = pool.agent("a", { directory });
	await exhaust(a);
	await addPool(pool, { subnet: "10.5.0.0/24" });
	expect(await add(a, "x")).toBe("10.5.0.2/24 by 10.5.0.1");
	writeFileSync(join(directory, "pools"), '["{\\"subnet\\":\\"10.7.0.0/24\\"}", 7, {}');
	expect(await add(a, "y")).toBe("10.5.0.3/24 by 10.5.0.1");
	rmSync(directory, { recursive: true });
	expect(await add(a, "z")).toBe("10.5.0.4/24 by 10.5.0.1");
	// It holds one already, which it would not have known of either.
	rmSync(directory, { recursive: true });
	expect(await add(a, "z")).toContain("10.5.0.4 has been allocated to z");
	expect(await faults(pool)).toEqual([]);
});

describe("what is in etcd is used as far as it is right", () => {
	test.each([
		["none of ours", "4-0a050000-24", "evil\u001b[2J"],
		["of another subnet", "4-0a050000-24", '{"subnet":"10.6.0.0/24","rangeStart":"10.6.0.1"}'],
		["no text of ours", "4-0a050000-24", '{"subnet":"10.5.0.0/24"}'],
		["over a range of the configuration", "4-0a010000-16", undefined],
		["of a family that the network does not have", "6-fd050000000000000000000000000000-64", undefined],
	])("a pool %s is not", async (_, name, value) => {
		using pool = createPool(etcd);
		const a = pool.agent("a");
		await exhaust(a);
		if (value === undefined) await addPool(pool, { subnet: name.startsWith("6") ? "fd05::/64" : "10.1.0.0/16" });
		else
			await transact(pool.gateway(), { success: [{ put: `${pool.prefix}/network/${network}/pool/${name}`, value }] });
		expect(await add(a, "x")).toMatch(/no IP addresses available in range set: 10\.1\.0\.1-10\.1\.0\.6$/);
	});

	test("what a caller asks for is not extended, the configuration's own ranges are", async () => {
		using pool = createPool(etcd);
		const a = pool.agent("a");
		await exhaust(a);
		await addPool(pool, { subnet: "10.5.0.0/24" });
		const ranges = [[{ subnet: "10.1.0.0/29" }], [{ subnet: "10.2.0.0/29" }]];
		expect(await add(a, "x", { ranges, firstOwn: 1 })).toContain("range 0: no IP addresses available");
		expect(await add(a, "x", { ranges, firstOwn: 1, ips: ["10.5.0.9"] })).toContain(
			"range 0: no IP addresses available",
		);
	});
});

describe("a pool is removed", () => {
	test("when nobody holds an address of it, with its blocks; an agent that knows it finds out at its next ADD", async () => {
		using pool = createPool(etcd);
		const [a, b] = [pool.agent("a"), pool.agent("b", { cooldownMs: 60_000 })];
		await exhaust(a);
		await addPool(pool, { subnet: "10.5.0.0/24" });
		for (const agent of [a, b]) await add(agent, "x");
		expect(await removePool(pool)).toMatchObject({
			kind: "held",
			count: 2,
			some: [{ address: "10.5.0.2", record: { containerId: "x", agent: "a" } }, { address: "10.5.0.64" }],
		});
		for (const agent of [a, b]) await agent.del("x");
		expect(await removePool(pool)).toEqual({ kind: "removed", blocks: 2, resting: 1 });
		const kinds = [...(await keysBelow(pool.gateway(), `${pool.prefix}/network/${network}`)).keys()];
		expect(kinds.filter((key) => /pool|resting|0a0500/.test(key))).toEqual([]);
		for (const agent of [a, b]) expect(await add(agent, "y")).toContain("no IP addresses available");
		await a.del("c0");
		expect(await add(a, "y")).toMatch(/^10\.1\.0\.\d\/29/);
		expect(await faults(pool)).toEqual([]);
	});

	test("and leaves a block in which others have addresses", async () => {
		using pool = createPool(etcd);
		const a = pool.agent("a");
		await exhaust(a);
		await addPool(pool, { subnet: "10.1.0.8/29" });
		expect(await add(a, "x")).toBe("10.1.0.10/29 by 10.1.0.9");
		await a.del("x");
		expect(await removePool(pool)).toEqual({ kind: "removed", blocks: 0, resting: 0 });
		expect(await add(a, "x")).toContain("no IP addresses available");
		expect([...(await keysBelow(pool.gateway(), `${pool.prefix}/network/${network}/block`)).keys()]).toEqual([
			"4-0a010000-26",
		]);
	});

	test("while ADDs run: none gets an address of it afterwards, and those that have one keep it", async () => {
		using pool = createPool(etcd);
		const agents = ["a", "b", "c"].map((name) => pool.agent(name));
		await exhaust(pool.agent("a"));
		for (let round = 0; round < 20; round++) {
			await addPool(pool, { subnet: "10.5.0.0/27" });
			let removed: PoolRemoval | undefined;
			const adds = agents.map(async (agent, index) => {
				const id = `r${round}-${index}`;
				const address = await add(agent, id);
				// Half of them let it go again, so that the removal has its chance.
				if (index > 0 || round % 2 === 0) await agent.del(id);
				return { id, agent, address };
			});
			const removing = (async () => {
				for (let attempt = 0; attempt < 10 && removed?.kind !== "removed"; attempt++) removed = await removePool(pool);
			})();
			const outcomes = await Promise.all(adds);
			await removing;
			const held = (await pool.agent("a").open().list()).map(({ address }) => formatAddress(address));
			const inPool = held.filter((address) => address.startsWith("10.5."));
			if (removed?.kind === "removed") expect(inPool).toEqual([]);
			expect(outcomes.map(({ address }) => address)).not.toContainEqual(
				expect.not.stringMatching(/^10\.5\.0\.\d+\/27 by 10\.5\.0\.1$|no IP addresses available/),
			);
			for (const { agent, id } of outcomes) await agent.del(id);
			if (removed?.kind !== "removed") expect(await removePool(pool)).toMatchObject({ kind: "removed" });
			expect(await faults(pool)).toEqual([]);
		}
	});
});

test("a pool grows under agents that know it as it was; its gateway is nobody's", async () => {
	using pool = createPool(etcd);
	const a = pool.agent("a");
	await exhaust(a);
	const ranges = { subnet: "10.5.0.0/24", rangeStart: "10.5.0.10" };
	await addPool(pool, { ...ranges, rangeEnd: "10.5.0.11" });
	for (const id of ["x", "y"]) expect(await add(a, id)).toMatch(/^10\.5\.0\.1[01]\/24/);
	await addPool(pool, { ...ranges, rangeEnd: "10.5.0.12" });
	expect(await add(a, "z")).toBe("10.5.0.12/24 by 10.5.0.1");
	expect(await addPool(pool, { subnet: "10.6.0.0/24", gateway: "10.5.0.12" })).toBe("held");
	expect(await faults(pool)).toEqual([]);
});

describe("by the plugins", () => {
	type Command = "ADD" | "CHECK" | "DEL" | "GC" | "STATUS";

	interface CallOptions {
		readonly id?: string;
		readonly bridge?: string;
		readonly prefix?: string;
		readonly container?: Namespace;
		readonly with?: object;
	}

	function call(command: Command, agent: string, options: CallOptions = {}): PluginOutcome {
		const { id = "c1", bridge = "br0", prefix = "/by-plugins", container = world.container() } = options;
		const dataDir = join(world.directory, agent);
		const ranges = [[{ subnet: "10.1.0.0/30" }]];
		const ipam = { type: "cluster", endpoints: [etcd.url], prefix, agent, dataDir, ranges, cooldown: 0, timeout: 10 };
		const own = { type: "bridge", bridge, isGateway: true, ipam };
		const config = { cniVersion: "1.1.0", name: network, ...own, ...options.with };
		return runPlugin({ world, type: "bridge", command, netns: container, containerId: id, config });
	}
	const ipsIn = ({ json }: PluginOutcome) => (json as { ips?: { address: string; gateway: string }[] }).ips;

	test("an exhausted network says what helps; then ADD, CHECK, GC, DEL and STATUS know the pool", async () => {
		const prefix = "/by-plugins";
		const place = { gateway: etcd.gateway(), layout: layoutOf(prefix, network) };
		expect(call("ADD", "a", { id: "c0" })).toMatchObject({ exitCode: 0 });
		expect(call("ADD", "b").error).toMatchObject({
			code: 11,
			details: expect.stringContaining("Add addresses with `cnictl ipam pool add net SUBNET`, or release"),
		});
		expect(call("STATUS", "b").error).toMatchObject({ code: 50 });
		await putPool(place, { range: parseRange({ subnet: "10.5.0.0/24" }), before: undefined });
		expect(call("STATUS", "b")).toMatchObject({ exitCode: 0 });
		const container = world.container();
		const added = call("ADD", "b", { container });
		expect(added.error).toBeUndefined();
		expect(ipsIn(added)).toEqual([{ address: "10.5.0.2/24", gateway: "10.5.0.1", interface: 2 }]);
		expect(ping(container, "10.5.0.1")).toBe(true);
		const check = () => call("CHECK", "b", { container, with: { prevResult: added.json } });
		expect(check()).toMatchObject({ exitCode: 0 });
		// With the agent's disk, what it knows of the pool is gone.
		rmSync(join(world.directory, "b"), { recursive: true });
		expect(check()).toMatchObject({ exitCode: 0 });
		const key = place.layout.address(parseAddress("10.5.0.2") ?? { family: 4, value: 0n });
		const [, kept = ""] = [...keysNow(etcd, prefix)].find(([name]) => `${prefix}/${name}` === key) ?? [];
		await transact(place.gateway, { success: [{ put: key, value: kept.replace('"c1"', '"c9"') }] });
		rmSync(join(world.directory, "b"), { recursive: true, force: true });
		expect(check().error?.msg).toContain("Failed to find address");
		await transact(place.gateway, { success: [{ put: key, value: kept }] });
		expect(call("GC", "b", { container, with: { "cni.dev/valid-attachments": [] } })).toMatchObject({ exitCode: 0 });
		expect([...keysNow(etcd, `${prefix}/network/${network}/address`).keys()]).toEqual(["4-0a010002"]);
		expect(call("DEL", "b", { container })).toMatchObject({ exitCode: 0 });
	});

	test("a bridge with the gateway of a pool takes the configuration's too, also when the pool is removed", async () => {
		using pool = createPool(etcd);
		const there = { prefix: pool.prefix, bridge: "br2", container: world.container() };
		const elsewhere = { prefix: pool.prefix, bridge: "br3", container: world.container() };
		expect(call("ADD", "c", elsewhere)).toMatchObject({ exitCode: 0 });
		await addPool(pool, { subnet: "10.5.0.0/24" });
		expect(ipsIn(call("ADD", "d", there))).toMatchObject([{ address: "10.5.0.2/24" }]);
		expect(call("DEL", "d", there)).toMatchObject({ exitCode: 0 });
		expect(await removePool(pool)).toMatchObject({ kind: "removed" });
		expect(call("DEL", "c", elsewhere)).toMatchObject({ exitCode: 0 });
		expect(ipsIn(call("ADD", "d", there))).toMatchObject([{ address: "10.1.0.2/30" }]);
		expect(globalAddresses(world.host, "br2").toSorted()).toEqual(["10.1.0.1/30", "10.5.0.1/24"]);
	});
});
