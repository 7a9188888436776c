import { describe, expect, test } from "@jest/globals";
import { EtcdError } from "../../lib/etcd/error.ts";
import { transact } from "../../lib/etcd/kv.ts";
import type { Post } from "../../lib/etcd/post.ts";
import { AttemptError } from "../../lib/http/attempt-error.ts";
import { formatAddress } from "../../lib/ip/address.ts";
import { formatAgent } from "../../lib/ipam/etcd-store/agent.ts";
import { parseRange } from "../../lib/ipam/range.ts";
import { type Agent, createPool, faults, network, numbered, type Pool } from "../support/cluster-agents.ts";
import { keysBelow } from "../support/cluster-keys.ts";
import type { Etcd } from "../support/etcd.ts";
import { etcdForAll } from "../support/etcd-for-all.ts";
import { seeded } from "../support/seeded.ts";

let etcd: Etcd;

etcdForAll((started) => {
	({ etcd } = started);
});

async function blocksIn(pool: Pool): Promise<string[]> {
	const keys = await keysBelow(pool.gateway(), `${pool.prefix}/network/${network}/block`);
	return [...keys].map(([key, { value }]) => `${key} ${value}`);
}

describe("blocks", () => {
	test("each agent has its own; a network call for an ADD in it, two for a DEL", async () => {
		using pool = createPool(etcd, "10.1.0.0/16", "fd01::/64");
		const [a, b] = [pool.agent("a"), pool.agent("b")];
		expect([await a.add("x"), await b.add("x"), await a.add("y")]).toEqual([
			"10.1.0.2 fd01::2",
			"10.1.0.64 fd01::40",
			"10.1.0.3 fd01::3",
		]);
		expect(await blocksIn(pool)).toEqual([
			"4-0a010000-26 a",
			"4-0a010040-26 b",
			"6-fd010000000000000000000000000000-122 a",
			"6-fd010000000000000000000000000040-122 b",
		]);
		const before = a.requests();
		await a.add("z");
		expect(a.requests() - before).toBe(1);
		await a.del("z");
		expect(a.requests() - before).toBe(3);
		expect(await faults(pool)).toEqual([]);
	});

	test("a stale or missing hint costs a call or two, and nothing else", async () => {
		using pool = createPool(etcd, "10.1.0.0/16");
		expect(await pool.agent("a").add("x")).toBe("10.1.0.2");
		const again = pool.agent("a", {
			directory: `${pool.prefix}` === "" ? "" : `/tmp/cst-${process.pid}-hint${pool.prefix}`,
		});
		const before = again.requests();
		expect(await again.add("y")).toBe("10.1.0.3");
		expect(again.requests() - before).toBeLessThanOrEqual(3);
	});

	test("a hint that is wrong costs two calls more, and is right again", async () => {
		using pool = createPool(etcd, "10.1.0.0/16");
		const [a, b] = [pool.agent("a"), pool.agent("b")];
		const requests = async (container: string) => {
			const before = a.requests();
			const address = await a.add(container);
			return `${address}: ${a.requests() - before}`;
		};
		await a.add("x");
		for (const address of ["10.1.0.3", "10.1.0.4"]) await b.add(address, { ips: [address] });
		expect(await requests("y")).toBe("10.1.0.5: 3");
		expect(await requests("z")).toBe("10.1.0.6: 1");
		await transact(pool.gateway(), { success: [{ put: `${pool.prefix}/agent/a`, value: "" }] });
		expect(await requests("fenced")).toMatch(/: 3$/);
		expect(await requests("last")).toMatch(/: 1$/);
		expect(await faults(pool)).toEqual([]);
	});

	test("that are mostly taken cost a look now and then, and not for each ADD", async () => {
		using pool = createPool(etcd, "10.1.0.0/26");
		const a = pool.agent("a");
		for (const container of numbered(50)) await a.add(container);
		let requests = 0;
		for (let round = 0; round < 60; round++) {
			const before = a.requests();
			expect(await a.add("passing")).toMatch(/^10\.1\.0\.\d+$/);
			requests += a.requests() - before;
			await a.del("passing");
		}
		// Of 61 addresses 11 are free.
		expect(requests).toBeLessThanOrEqual(60 + 60 / 11);
		expect(await faults(pool)).toEqual([]);
	});

	test("that are empty go back, all but one", async () => {
		using pool = createPool(etcd, "10.1.0.0/16");
		const a = pool.agent("a");
		for (const container of numbered(130)) await a.add(container);
		expect(await blocksIn(pool)).toHaveLength(3);
		for (const container of numbered(130)) await a.del(container);
		expect(await blocksIn(pool)).toHaveLength(1);
		expect(await faults(pool)).toEqual([]);
	});

	test("that become empty beside full ones stay for the next container, one at a time", async () => {
		using pool = createPool(etcd, "10.1.0.0/16");
		let time = 1_000_000;
		const a = pool.agent("a", { cooldownMs: 60_000, now: () => time });
		// 10.1.0.1 is the gateway, 10.1.0.0 the network.
		for (const container of numbered(62)) await a.add(container);
		expect(await blocksIn(pool)).toHaveLength(1);
		let requests = 0;
		for (let round = 0; round < 200; round++) {
			const before = a.requests();
			expect(await a.add("passing")).toMatch(/^10\.1\.\d+\.\d+$/);
			await a.del("passing");
			requests += a.requests() - before;
			expect((await blocksIn(pool)).length).toBeLessThanOrEqual(2);
			time += 500;
		}
		// Three for each, and some when 64 addresses have been used up.
		expect(requests).toBeLessThanOrEqual(3 * 200 + 40);
		for (const container of numbered(62)) await a.del(container);
		expect(await blocksIn(pool)).toHaveLength(1);
		expect(await faults(pool)).toEqual([]);
	});

	test("of others are borrowed from when none is left, unless that is forbidden", async () => {
		using pool = createPool(etcd, "10.1.0.0/25");
		const [a, b, c] = [pool.agent("a"), pool.agent("b"), pool.agent("c", { borrow: false })];
		await a.add("x");
		await b.add("x");
		expect(await c.add("x")).toBe("exhausted: 2 taken, 0 resting");
		expect(c.open().pools?.remedy).toMatch(/^As "ipam.borrow" is off, blocks of other agents are left to them\. Add /);
		for (const container of numbered(123)) expect(await a.add(container)).toMatch(/^10\.1\.0\.\d+$/);
		expect(await a.add("last")).toBe("exhausted: 125 taken, 0 resting");
		expect(await faults(pool)).toEqual([]);
	});
});

test("addresses of more ranges than a transaction has operations are counted", async () => {
	using pool = createPool(etcd, "10.1.0.0/24", "10.1.199.0/24");
	const a = pool.agent("a");
	await a.add("x");
	const set = Array.from({ length: 200 }, (_, index) => parseRange({ subnet: `10.1.${index}.0/24` }));
	expect(await a.open().countTaken(set)).toBe(2);
});

describe("released addresses", () => {
	test("rest, unless somebody asks for them", async () => {
		using pool = createPool(etcd, "10.1.0.0/30");
		let time = 1_000_000;
		const a = pool.agent("a", { cooldownMs: 60_000, now: () => time });
		expect(await a.add("x")).toBe("10.1.0.2");
		await a.del("x");
		expect(await a.add("y")).toBe("exhausted: 0 taken, 1 resting");
		time += 59_999;
		expect(await a.add("y")).toBe("exhausted: 0 taken, 1 resting");
		const b = pool.agent("b", { now: () => time });
		expect(await b.add("z", { ips: ["10.1.0.2"] })).toBe("10.1.0.2");
		await b
			.open()
			.unreserve({ containerId: "z", ifName: "eth0" }, await b.open().find({ containerId: "z", ifName: "eth0" }));
		expect(await a.add("y")).toBe("10.1.0.2");
		await a.del("y");
		time += 60_000;
		expect(await a.add("y")).toBe("10.1.0.2");
	});
});

test("addresses that have rested cost a call more once, and not each", async () => {
	using pool = createPool(etcd, "10.1.0.0/28");
	let time = 1_000_000;
	const a = pool.agent("a", { cooldownMs: 1000, now: () => time });
	const containers = numbered(13);
	for (const container of containers) await a.add(container);
	for (const container of containers) await a.del(container);
	time += 1000;
	const before = a.requests();
	for (const container of containers) expect(await a.add(container)).toMatch(/^10\.1\.0\.\d+$/);
	expect(a.requests() - before).toBeLessThanOrEqual(containers.length + 2);
	expect(await faults(pool)).toEqual([]);
});

describe("requested addresses", () => {
	test("are given on any agent; the error names who has them", async () => {
		using pool = createPool(etcd, "10.1.0.0/16");
		const [a, b] = [pool.agent("a"), pool.agent("b")];
		expect(await a.add("task", { ips: ["10.1.0.7"] })).toBe("10.1.0.7");
		expect(await b.add("task", { ips: ["10.1.0.7"] })).toBe("taken by task on a");
		await a.del("task");
		expect(await b.add("task", { ips: ["10.1.0.7"] })).toBe("10.1.0.7");
	});

	test("are taken over by the same task from an agent that is lost, and from no other", async () => {
		using pool = createPool(etcd, "10.1.0.0/16", "fd01::/64");
		const [a, b] = [pool.agent("a"), pool.agent("b")];
		const ips = ["10.1.0.7", "fd01::7"];
		expect(await a.add("old", { ips, token: "t1" })).toBe("10.1.0.7 fd01::7");
		expect(await b.add("new", { ips, token: "t1" })).toBe("taken by old on a");
		const put = formatAgent({ lostSince: 1 });
		await transact(pool.gateway(), { success: [{ put: `${pool.prefix}/agent/a`, value: put }] });
		expect(await b.add("new", { ips, token: "t2" })).toBe("taken by old on a");
		expect(await b.add("new", { ips })).toBe("taken by old on a");
		expect(await b.add("new", { ips, token: "t1" })).toBe("10.1.0.7 fd01::7");
		expect(await faults(pool)).toEqual([]);
		// It has come back, and gives up what it believes to have.
		await a.del("old");
		expect(await b.open().find({ containerId: "new", ifName: "eth0" })).toHaveLength(2);
		// What it is given from now on shows that it is alive.
		await a.add("other");
		expect((await keysBelow(pool.gateway(), `${pool.prefix}/agent`)).get("a")?.value).toBe("");
	});
});

describe("when answers and requests are lost", () => {
	const lost = () => Promise.reject(new AttemptError("no answer in time", { sent: true }));

	test("an ADD whose answer is lost finds that it has succeeded", async () => {
		using pool = createPool(etcd, "10.1.0.0/16");
		const a = pool.agent("a");
		await a.add("x");
		let first = true;
		// Of two endpoints that are the same etcd, the first carries the request out and does not say so.
		a.through((post) => async (endpoint, request) => {
			const answer = await post(endpoint, request);
			if (!first) return answer;
			first = false;
			return { status: 503, body: JSON.stringify({ code: 14, message: "etcdserver: request timed out" }) };
		});
		expect(await a.add("y")).toBe("10.1.0.3");
		expect(await a.open().list()).toHaveLength(2);
		expect(await faults(pool)).toEqual([]);
	});

	test("an ADD that was given up is undone by the next call, also when it was carried out", async () => {
		using pool = createPool(etcd, "10.1.0.0/16");
		const a = pool.agent("a");
		await a.add("x");
		a.through((post) => async (endpoint, request) => {
			await post(endpoint, request);
			return lost();
		});
		await expect(a.add("y")).rejects.toMatchObject({ kind: "away", unsure: true });
		expect(await keysBelow(pool.gateway(), `${pool.prefix}/network/${network}/address`)).toHaveProperty("size", 2);
		a.through((post) => post);
		await a.add("z");
		const owners = (await a.open().list()).map(({ owner }) => owner.containerId).sort();
		expect(owners).toEqual(["x", "z"]);
		expect(await faults(pool)).toEqual([]);
	});

	test("an ADD that was given up, and arrives when its container has been given another address, does nothing", async () => {
		using pool = createPool(etcd, "10.1.0.0/16");
		const a = pool.agent("a");
		await a.add("x");
		let late: (() => ReturnType<Post>) | undefined;
		a.through((post) => (endpoint, request) => {
			late ??= () => post(endpoint, { ...request, deadline: performance.now() + 5000 });
			return lost();
		});
		await expect(a.add("y")).rejects.toBeInstanceOf(EtcdError);
		a.through((post) => post);
		// Settles, is given an address, and gives it back: nothing stands in the way of the late one but the fence.
		await a.add("y");
		await a.del("y");
		expect(await late?.()).toMatchObject({ status: 200, body: expect.not.stringContaining('"succeeded":true') });
		expect(await a.open().list()).toHaveLength(1);
	});

	test("a DEL is kept, and done by the next call; an ADD of the same container comes after it", async () => {
		using pool = createPool(etcd, "10.1.0.0/16");
		const a = pool.agent("a");
		for (const container of ["x", "y"]) await a.add(container);
		a.through(() => lost);
		for (const container of ["x", "y"]) await a.del(container);
		expect(await a.add("z").catch(String)).toContain("Cannot reach etcd");
		a.through((post) => post);
		expect(await a.add("x")).toMatch(/^10\.1\.0\./);
		expect((await a.open().list()).map(({ owner }) => owner.containerId)).toEqual(["x"]);
		expect(await faults(pool)).toEqual([]);
	});

	test("of many DELs that are kept, each later call does some", async () => {
		using pool = createPool(etcd, "10.1.0.0/16");
		const a = pool.agent("a");
		for (const container of numbered(40)) await a.add(container);
		a.through(() => lost);
		for (const container of numbered(40)) await a.del(container);
		a.through((post) => post);
		await a.add("x");
		expect(await a.open().list()).toHaveLength(40 - 32 + 1);
		await a.add("y");
		expect((await a.open().list()).map(({ owner }) => owner.containerId).sort()).toEqual(["x", "y"]);
		expect(await faults(pool)).toEqual([]);
	});
});

describe("many at once", () => {
	test("3 agents × 200 containers get 600 addresses", async () => {
		using pool = createPool(etcd, "10.1.0.0/21");
		const agents = ["a", "b", "c"].map((name) => pool.agent(name));
		const added = await Promise.all(
			agents.flatMap((agent) => shared(numbered(200), 8, (container) => agent.add(container))),
		);
		expect(new Set(added.flat())).toHaveProperty("size", 600);
		expect(await faults(pool)).toEqual([]);
	}, 120_000);

	test("150 agents × 10 containers, claimed and released at random with requests that are lost, against a model", async () => {
		using pool = createPool(etcd, "10.1.0.0/19", "fd01::/64");
		const random = seeded(6);
		const names = Array.from({ length: 150 }, (_, index) => `a${index}`);
		// What each container holds, as its agent was told.
		const model = new Map<string, string>();
		const problems: string[] = [];
		const holders = new Map<string, string>();
		const add = async (agent: Agent, { name, container }: { name: string; container: string }) => {
			const given = await agent.add(container).catch(() => "");
			for (const address of given.split(" ").filter((text) => text !== "")) {
				const holder = holders.get(address);
				if (holder !== undefined) problems.push(`${address} was given to ${name}/${container} while ${holder} had it`);
				holders.set(address, `${name}/${container}`);
			}
			if (given !== "") model.set(`${name}/${container}`, given);
			// As runtimes do.
			else await agent.del(container);
		};
		const del = async (agent: Agent, { name, container }: { name: string; container: string }) => {
			for (const address of model.get(`${name}/${container}`)?.split(" ") ?? []) holders.delete(address);
			model.delete(`${name}/${container}`);
			await agent.del(container);
		};
		for (const run of [1, 2]) {
			await shared(names, 24, async (name) => {
				const agent = pool.agent(name);
				agent.through((post) => async (endpoint, request) => {
					const fate = random();
					if (fate < 0.01) return lost();
					const answer = await post(endpoint, request);
					return fate < 0.02 ? lost() : answer;
				});
				for (const container of numbered(10)) {
					if (!model.has(`${name}/${container}`)) await add(agent, { name, container });
					if (random() < 0.4) await del(agent, { name, container });
				}
				// Whatever is still in the journal.
				agent.through((post) => post);
				await agent.del("none");
			});
			const held = new Map<string, string>();
			for (const { agent, owner, address } of await pool.agent("a0").open().list()) {
				const key = `${agent}/${owner.containerId}`;
				held.set(key, [held.get(key), formatAddress(address)].filter(Boolean).join(" "));
			}
			expect([run, problems, await faults(pool)]).toEqual([run, [], []]);
			expect(model.size).toBeGreaterThan(700);
			expect([...held].sort()).toEqual([...model].sort());
		}
	}, 240_000);

	function lost(): Promise<never> {
		return Promise.reject(new AttemptError("no answer in time", { sent: true }));
	}
});

/** Runs `work` for each item, so many at a time. */
async function shared<T, R>(items: readonly T[], width: number, work: (item: T) => Promise<R>): Promise<R[]> {
	const results: R[] = [];
	const rest = [...items];
	const worker = async () => {
		for (let item = rest.shift(); item !== undefined; item = rest.shift()) results.push(await work(item));
	};
	await Promise.all(Array.from({ length: width }, worker));
	return results;
}
