import { describe, expect, test } from "@jest/globals";
import { markByHand, releaseByHand } from "../../lib/cli/agents/release-by-hand.ts";
import type { AgentSource, Sighting } from "../../lib/cluster/agent-source.ts";
import type { Grace } from "../../lib/cluster/agents/grace.ts";
import { createKeeper, type Keeper } from "../../lib/cluster/agents/keeper.ts";
import { leaseSource } from "../../lib/cluster/agents/lease-source.ts";
import { createOutlook } from "../../lib/cluster/agents/outlook.ts";
import { createReporter, type Reporter, withdraw } from "../../lib/cluster/agents/reporter.ts";
import { createGateway, type Gateway } from "../../lib/etcd/gateway.ts";
import { transact } from "../../lib/etcd/kv.ts";
import type { Post } from "../../lib/etcd/post.ts";
import { AttemptError } from "../../lib/http/attempt-error.ts";
import { createPool, network, type Pool } from "../support/cluster-agents.ts";
import { inconsistencies, keysBelow } from "../support/cluster-keys.ts";
import { anyEndpoint, type Etcd } from "../support/etcd.ts";
import { etcdForAll } from "../support/etcd-for-all.ts";
import type { World } from "../support/world.ts";

let world: World;
let etcd: Etcd;

etcdForAll((started) => {
	({ world, etcd } = started);
});

const minute = 60_000;
const start = 1_764_000_000_000;

/** Somebody who says what he is told to say. */
function mouth(): AgentSource & { readonly says: (agent: string, state: Sighting["state"]) => void } {
	const sightings: Sighting[] = [];
	return {
		isCurrent: true,
		says: (agent, state) => sightings.push({ agent, state, reason: `it is ${state}` }),
		watch: async () => sightings.splice(0),
		[Symbol.dispose]: () => {},
	};
}

interface Watcher {
	readonly keeper: Keeper;
	readonly log: string[];
	/** What its sources tell. */
	hear(): Promise<void>;
	/** That, and a round. */
	look(): Promise<void>;
}

interface WatcherOptions {
	readonly sources: readonly AgentSource[];
	readonly now: () => number;
	/** By default the same clock. */
	readonly elapsed?: () => number;
	readonly grace?: Partial<Grace>;
	readonly post?: Post;
	readonly cooldownMs?: number;
}

function watch(
	pool: Pool,
	{ sources, now, elapsed = now, grace, post = etcd.post, cooldownMs = 0 }: WatcherOptions,
): Watcher {
	const outlook = createOutlook(sources);
	const log: string[] = [];
	const keeper = createKeeper({
		gateway: gatewayBy(post),
		prefix: pool.prefix,
		outlook,
		grace: { defaultMs: 10 * minute, ofNetworkMs: new Map(), ...grace },
		mostLost: 0.5,
		cooldownMsOf: () => cooldownMs,
		now,
		elapsed,
		log: (text) => log.push(text),
	});
	const hear = async () => {
		for (const source of sources) outlook.hear(source, await source.watch(0));
	};
	return {
		keeper,
		log,
		hear,
		async look() {
			await hear();
			await keeper.round();
		},
	};
}

function gatewayBy(post: Post): Gateway {
	const open = () => createGateway({ endpoints: [anyEndpoint], timeoutMs: 10_000, post });
	return {
		get deadline() {
			return open().deadline;
		},
		call: (path, body) => open().call(path, body),
	};
}

const signsOf = (pool: Pool) =>
	leaseSource({
		gateway: gatewayBy(etcd.post),
		prefix: pool.prefix,
		intervalMs: 0,
		wait: async () => {},
		failed: (thrown) => {
			throw thrown;
		},
		succeeded: () => {},
	});
const faults = (pool: Pool) => inconsistencies(pool.gateway(), { prefix: pool.prefix, network });

/** `address 10.1.0.2 …` by agent: what etcd has. */
async function heldBy(pool: Pool, agent: string): Promise<{ owners: number; addresses: number; blocks: number }> {
	const keys = await keysBelow(pool.gateway(), `${pool.prefix}/network/${network}`);
	const count = (test: (key: string, value: string) => boolean) =>
		[...keys].filter(([key, { value }]) => test(key, value)).length;
	return {
		owners: count((key) => key.startsWith(`agent/${agent}/owner/`)),
		addresses: count((key, value) => key.startsWith("address/") && JSON.parse(value).agent === agent),
		blocks: count((key, value) => key.startsWith("block/") && value === agent),
	};
}

const nothing = { owners: 0, addresses: 0, blocks: 0 };
const markOf = async (pool: Pool, agent: string) =>
	(await keysBelow(pool.gateway(), `${pool.prefix}/agent`)).get(agent)?.value;

async function fill(pool: Pool, name: string, count: number) {
	const agent = pool.agent(name);
	for (let index = 0; index < count; index++) await agent.add(`c${index}`);
	return agent;
}

describe("an agent that is lost", () => {
	test("keeps what it holds for the grace period, and then loses all of it; others may have it", async () => {
		using pool = createPool(etcd, "10.1.0.0/24", "fd01::/64");
		await fill(pool, "a", 70);
		await fill(pool, "b", 2);
		const source = mouth();
		let time = start;
		const watcher = watch(pool, { sources: [source], now: () => time, cooldownMs: 1000 });
		source.says("a", "lost");
		source.says("b", "present");
		await watcher.look();
		expect(JSON.parse((await markOf(pool, "a")) ?? "")).toMatchObject({ lost: start, release: start + 10 * minute });
		time += 10 * minute - 1;
		await watcher.look();
		expect(await heldBy(pool, "a")).toMatchObject({ owners: 70, addresses: 140 });
		time += 1;
		await watcher.look();
		expect(await heldBy(pool, "a")).toEqual(nothing);
		expect(await heldBy(pool, "b")).toMatchObject({ owners: 2, addresses: 4 });
		expect(await faults(pool)).toEqual([]);
		expect(watcher.keeper.counts).toEqual({ agents: 1, attachments: 70, addresses: 140, blocks: 4 });
		const releases = watcher.log.filter((line) => line.startsWith("released 10."));
		expect(releases).toHaveLength(70);
		expect(releases[0]).toMatch(
			/^released 10\.1\.0\.2 fd01::2 of container "c0" \(interface "eth0"\) of agent "a" on network "net"$/,
		);
		expect(watcher.log.at(-2)).toBe(
			'agent "a": released 140 addresses of 70 attachments and 4 blocks on network "net"',
		);
		// They rest, and are given to others then.
		const b = pool.agent("b", { now: () => time + 1000 });
		for (let index = 0; index < 70; index++) expect(await b.add(`d${index}`)).toMatch(/^10\.1\.0\.\d+ fd01::/);
		expect(await faults(pool)).toEqual([]);
		const before = watcher.log.length;
		time += minute;
		await watcher.look();
		expect(watcher.log).toHaveLength(before);
	});

	test("loses nothing when it is back in time", async () => {
		using pool = createPool(etcd, "10.1.0.0/16");
		await fill(pool, "a", 3);
		const source = mouth();
		let time = start;
		const watcher = watch(pool, { sources: [source], now: () => time });
		source.says("a", "lost");
		await watcher.look();
		time += 9 * minute;
		source.says("a", "present");
		await watcher.look();
		time += 100 * minute;
		await watcher.look();
		expect(await heldBy(pool, "a")).toMatchObject({ owners: 3, addresses: 3 });
		expect(await markOf(pool, "a")).toBe("");
		expect(watcher.log.at(-1)).toBe('agent "a" is back: it is present; it keeps what it holds');
	});

	test("and comes back too late finds its addresses gone, and goes on with others", async () => {
		using pool = createPool(etcd, "10.1.0.0/16");
		const a = await fill(pool, "a", 3);
		const source = mouth();
		let time = start;
		const watcher = watch(pool, { sources: [source], now: () => time });
		source.says("a", "lost");
		await watcher.look();
		time += 10 * minute;
		await watcher.look();
		source.says("a", "present");
		await watcher.look();
		expect(watcher.log.at(-1)).toBe(
			`agent "a" is back: it is present; too late: what it held was released at ${new Date(time).toISOString()}`,
		);
		const b = pool.agent("b");
		expect(await b.add("x")).toBe("10.1.0.2");
		// It still believes in its block, which is b's now.
		expect(await a.add("late")).toMatch(/^10\.1\.0\.(6[4-9]|[7-9]\d)$/);
		await a.del("c0");
		expect((await b.open().list()).map(({ agent, owner }) => `${agent} ${owner.containerId}`).sort()).toEqual([
			"a late",
			"b x",
		]);
		expect(await faults(pool)).toEqual([]);
	});

	test("proves by an ADD that it lives: the mark goes, its grace begins anew", async () => {
		using pool = createPool(etcd, "10.1.0.0/16");
		const a = await fill(pool, "a", 3);
		const source = mouth();
		let time = start;
		const watcher = watch(pool, { sources: [source], now: () => time });
		source.says("a", "lost");
		await watcher.look();
		time += 9 * minute;
		await a.add("proof");
		expect(await markOf(pool, "a")).toBe("");
		await watcher.look();
		time += 9 * minute;
		await watcher.look();
		expect(await heldBy(pool, "a")).toMatchObject({ owners: 4 });
		time += minute;
		await watcher.look();
		expect(await heldBy(pool, "a")).toEqual(nothing);
	});

	test("has an ADD under way when it is marked: it fails on its fence, and is tried anew", async () => {
		using pool = createPool(etcd, "10.1.0.0/16");
		const a = await fill(pool, "a", 1);
		const source = mouth();
		let time = start;
		const watcher = watch(pool, { sources: [source], now: () => time });
		source.says("a", "gone");
		let isFirst = true;
		a.through((post) => async (endpoint, request) => {
			if (isFirst) {
				isFirst = false;
				await watcher.look();
				time += 1;
			}
			return await post(endpoint, request);
		});
		expect(await a.add("late")).toMatch(/^10\.1\.0\.\d+$/);
		expect(await heldBy(pool, "a")).toMatchObject({ owners: 1, addresses: 1, blocks: 1 });
		expect(await faults(pool)).toEqual([]);
		// Whoever said that it is gone was wrong: it is no more than lost.
		await watcher.look();
		expect(JSON.parse((await markOf(pool, "a")) ?? "")).toMatchObject({ lost: time, release: time + 10 * minute });
		expect(await heldBy(pool, "a")).toMatchObject({ owners: 1 });
	});

	test.each(["an ADD", "a sighting", "another keeper's word"])(
		"is saved by %s in the middle of its release",
		async (what) => {
			using pool = createPool(etcd, "10.1.0.0/16");
			const a = await fill(pool, "a", 100);
			const [source, other] = [mouth(), mouth()];
			let time = start;
			let transactions = 0;
			const post: Post = async (endpoint, request) => {
				// After the first batch of owners.
				if (/request_delete_range/.test(request.body) && ++transactions === 2) {
					if (what === "an ADD") await a.add("proof");
					else if (what === "a sighting") await watcher.hear();
					else await colleague.look();
				}
				return await etcd.post(endpoint, request);
			};
			const watcher = watch(pool, { sources: [source], now: () => time, post });
			const colleague = watch(pool, { sources: [other], now: () => time });
			source.says("a", "lost");
			await watcher.look();
			time += 10 * minute;
			await watcher.hear();
			if (what === "a sighting") source.says("a", "present");
			other.says("a", "present");
			await watcher.keeper.round();
			const { owners, addresses, blocks } = await heldBy(pool, "a");
			expect(owners).toBeGreaterThan(0);
			expect(owners).toBeLessThan(100);
			expect([addresses, blocks]).toEqual([owners, 2]);
			expect(watcher.keeper.counts).toMatchObject({
				agents: 0,
				attachments: what === "an ADD" ? 101 - owners : 100 - owners,
			});
			expect(await faults(pool)).toEqual([]);
		},
	);

	test("waits for its time also where clocks differ or jump, for as long as the same service watches", async () => {
		using pool = createPool(etcd, "10.1.0.0/16");
		await fill(pool, "a", 1);
		let time = start;
		let ahead = -60 * minute;
		const elapsed = () => time;
		// Behind by an hour, and right.
		const [late, right] = [() => time + ahead, () => time].map((now) => {
			const source = mouth();
			return { source, ...watch(pool, { sources: [source], now, elapsed }) };
		});
		await right?.look();
		late?.source.says("a", "lost");
		await late?.look();
		right?.source.says("a", "lost");
		await right?.look();
		expect(await heldBy(pool, "a")).toMatchObject({ owners: 1 });
		ahead = 60 * minute;
		time += 10 * minute - 1;
		for (const each of [late, right]) await each?.look();
		expect(await heldBy(pool, "a")).toMatchObject({ owners: 1 });
		time += 1;
		await right?.look();
		expect(await heldBy(pool, "a")).toEqual(nothing);
	});

	test("waits for as long as each network says", async () => {
		using pool = createPool(etcd, "10.1.0.0/16");
		await fill(pool, "a", 2);
		const owner = { containerId: "c", ifName: "eth0" };
		await pool.agent("a", { network: "slow" }).open().reserve(owner, [], { labels: [], groups: [] });
		const source = mouth();
		let time = start;
		const grace = { ofNetworkMs: new Map([["slow", 60 * minute]]) };
		const watcher = watch(pool, { sources: [source], now: () => time, grace });
		source.says("a", "lost");
		await watcher.look();
		time += 10 * minute;
		await watcher.look();
		const owners = async () =>
			[...(await keysBelow(pool.gateway(), `${pool.prefix}/network`)).keys()].filter((key) => key.includes("/owner/"));
		expect(await owners()).toEqual(["slow/agent/a/owner/c/eth0"]);
		expect(JSON.parse((await markOf(pool, "a")) ?? "")).not.toHaveProperty("released");
		time += 50 * minute;
		await watcher.look();
		expect(await owners()).toEqual([]);
		expect(JSON.parse((await markOf(pool, "a")) ?? "")).toMatchObject({ released: time });
	});
});

describe("an agent that is gone for good", () => {
	test("loses everything at once, also when it was lost before", async () => {
		using pool = createPool(etcd, "10.1.0.0/16");
		await fill(pool, "a", 3);
		await fill(pool, "b", 3);
		const source = mouth();
		const watcher = watch(pool, { sources: [source], now: () => start });
		source.says("a", "gone");
		source.says("b", "lost");
		await watcher.look();
		expect(await heldBy(pool, "a")).toEqual(nothing);
		source.says("b", "gone");
		await watcher.look();
		expect(await heldBy(pool, "b")).toEqual(nothing);
		expect(await faults(pool)).toEqual([]);
	});
});

test("an agent that has just been back, and is gone then, is gone: it was we who took off its mark", async () => {
	using pool = createPool(etcd, "10.1.0.0/16");
	await fill(pool, "a", 3);
	const source = mouth();
	const watcher = watch(pool, { sources: [source], now: () => start });
	for (const state of ["lost", "present", "gone"] as const) {
		source.says("a", state);
		await watcher.look();
	}
	expect(await heldBy(pool, "a")).toEqual(nothing);
});

test("the word that an agent is gone does not outlive what it does afterwards, whoever has acted on it", async () => {
	using pool = createPool(etcd, "10.1.0.0/16");
	const a = await fill(pool, "a", 3);
	const [first, second] = [mouth(), mouth()];
	let time = start;
	const [quick, slow] = [first, second].map((source) => watch(pool, { sources: [source], now: () => time }));
	await slow?.look();
	first.says("a", "gone");
	await quick?.look();
	await a.add("again");
	// It has not seen the mark that was set and taken off.
	second.says("a", "gone");
	await slow?.look();
	expect(await heldBy(pool, "a")).toMatchObject({ owners: 1 });
	time += 10 * minute;
	await slow?.look();
	expect(await heldBy(pool, "a")).toEqual(nothing);
});

describe("many agents that are lost at once", () => {
	test("lose nothing while they are more than half, but for those that are gone", async () => {
		using pool = createPool(etcd, "10.1.0.0/16");
		const names = ["a", "b", "c", "d", "e", "f", "g"];
		for (const name of names) await fill(pool, name, 1);
		const source = mouth();
		let time = start;
		const watcher = watch(pool, { sources: [source], now: () => time });
		for (const name of names) source.says(name, "abcd".includes(name) ? "lost" : "present");
		await watcher.look();
		time += 10 * minute;
		source.says("a", "gone");
		source.says("e", "lost");
		await watcher.look();
		await watcher.look();
		expect(await heldBy(pool, "a")).toEqual(nothing);
		expect(await heldBy(pool, "b")).toMatchObject({ owners: 1 });
		expect(watcher.log.filter((line) => line.includes("at once"))).toEqual([
			expect.stringMatching(/^4 of 7 agents are lost at once, more than 50 %: nothing of theirs is released until/),
			'agent "a" is gone: it is gone. What it holds is released at once',
		]);
		source.says("b", "present");
		await watcher.look();
		expect(await heldBy(pool, "b")).toMatchObject({ owners: 1 });
		for (const name of ["c", "d"]) expect(await heldBy(pool, name)).toEqual(nothing);
		expect(await heldBy(pool, "e")).toMatchObject({ owners: 1 });
	});
});

describe("sources that do not agree, or do not know", () => {
	test("an agent is there as long as one of them says so", async () => {
		using pool = createPool(etcd, "10.1.0.0/16");
		await fill(pool, "a", 1);
		const [one, other] = [mouth(), mouth()];
		let time = start;
		const watcher = watch(pool, { sources: [one, other], now: () => time });
		one.says("a", "gone");
		other.says("a", "present");
		await watcher.look();
		time += 100 * minute;
		await watcher.look();
		expect(await heldBy(pool, "a")).toMatchObject({ owners: 1 });
		other.says("a", "lost");
		await watcher.look();
		expect(await heldBy(pool, "a")).toEqual(nothing);
	});

	test("while one of them does not know how things are, nothing is released", async () => {
		using pool = createPool(etcd, "10.1.0.0/16");
		await fill(pool, "a", 1);
		let isCurrent = false;
		const source = Object.defineProperty(mouth(), "isCurrent", { get: () => isCurrent });
		let time = start;
		const watcher = watch(pool, { sources: [source], now: () => time });
		source.says("a", "lost");
		await watcher.look();
		time += 100 * minute;
		await watcher.look();
		expect(await heldBy(pool, "a")).toMatchObject({ owners: 1 });
		isCurrent = true;
		await watcher.look();
		expect(await heldBy(pool, "a")).toEqual(nothing);
	});

	test("a service that has just started releases on a mark when its sources have spoken, and not of who is back", async () => {
		using pool = createPool(etcd, "10.1.0.0/16");
		for (const name of ["a", "b"]) {
			await fill(pool, name, 1);
			const value = JSON.stringify({ lost: start - 100 * minute });
			await transact(pool.gateway(), { success: [{ put: `${pool.prefix}/agent/${name}`, value }] });
		}
		const { says, watch: listen, [Symbol.dispose]: dispose } = mouth();
		// It cannot say whether it is current.
		const source: AgentSource = { watch: listen, [Symbol.dispose]: dispose };
		const watcher = watch(pool, { sources: [source], now: () => start });
		await watcher.look();
		expect(await heldBy(pool, "a")).toMatchObject({ owners: 1 });
		says("b", "present");
		await watcher.look();
		expect(await heldBy(pool, "a")).toEqual(nothing);
		expect(await heldBy(pool, "b")).toMatchObject({ owners: 1 });
	});

	test("a name that is none is passed over, and said once", async () => {
		using pool = createPool(etcd, "10.1.0.0/16");
		const source = mouth();
		const watcher = watch(pool, { sources: [source], now: () => start });
		source.says("../network/net", "gone");
		await watcher.look();
		await watcher.look();
		expect(watcher.log).toEqual(['passing over an agent whose name is none: "../network/net"']);
		expect(await keysBelow(pool.gateway(), pool.prefix)).toHaveProperty("size", 0);
	});
});

describe("signs of life", () => {
	const reporterOf = (pool: Pool, agent: string, boot = "boot-1") =>
		createReporter({
			gateway: gatewayBy(etcd.post),
			prefix: pool.prefix,
			agent,
			ttlSeconds: 60,
			host: "h",
			boot,
			now: () => start,
		});

	/** Whether one of the next signs comes to that: not each looks around. */
	async function soon(reporter: Reporter, test: (told: Awaited<ReturnType<Reporter["report"]>>) => boolean) {
		for (let sign = 0; sign < 6; sign++) if (test(await reporter.report())) return true;
		return false;
	}

	/** Its lease has ended. */
	async function silence(pool: Pool, agent: string): Promise<void> {
		await transact(pool.gateway(), { success: [{ remove: { key: `${pool.prefix}/alive/${agent}` } }] });
	}

	test("who reports is there; who has stopped is lost; who never has is not judged", async () => {
		using pool = createPool(etcd, "10.1.0.0/16");
		const source = signsOf(pool);
		expect(await source.watch(0)).toEqual([]);
		const reporter = reporterOf(pool, "a");
		expect(await reporter.report()).toEqual({ began: true, other: undefined });
		expect(await reporter.report()).toEqual({ began: false, other: undefined });
		await fill(pool, "silent", 1);
		const told = { agent: "a", state: "present", reason: "it reports itself alive", bySign: true };
		expect(await source.watch(0)).toEqual([told]);
		expect(await source.watch(0)).toEqual([]);
		await silence(pool, "a");
		expect((await source.watch(0)).map(({ agent, state }) => `${agent} ${state}`)).toEqual(["a lost"]);
		expect(await soon(reporter, ({ began }) => began)).toBe(true);
		expect((await source.watch(0)).map(({ agent, state }) => `${agent} ${state}`)).toEqual(["a present"]);
	});

	test("the sign ends with its lease, and the lease with who keeps it", async () => {
		using pool = createPool(etcd, "10.1.0.0/16");
		const reporter = reporterOf(pool, "a");
		await reporter.report();
		const { leases = [] } = await pool.gateway().call("lease/leases", {});
		for (const { ID } of leases as { ID: string }[]) await pool.gateway().call("lease/revoke", { ID });
		expect([...(await keysBelow(pool.gateway(), pool.prefix)).keys()]).toEqual(["reports/a"]);
		expect(await reporter.report()).toEqual({ began: true, other: undefined });
	});

	test("of which one service has seen the end is not taken for alive by another that has looked before", async () => {
		using pool = createPool(etcd, "10.1.0.0/16");
		await fill(pool, "a", 1);
		const reporter = reporterOf(pool, "a");
		await reporter.report();
		const [late, early] = [0, 1].map(() => watch(pool, { sources: [signsOf(pool)], now: () => start }));
		await late?.look();
		await early?.hear();
		await silence(pool, "a");
		await late?.look();
		const mark = await markOf(pool, "a");
		expect(mark).toContain('"lost"');
		await early?.keeper.round();
		expect(await markOf(pool, "a")).toBe(mark);
		expect(early?.log).toEqual([]);
		await early?.look();
		expect(await markOf(pool, "a")).toBe(mark);
		expect(await soon(reporter, ({ began }) => began)).toBe(true);
		await early?.look();
		expect(await markOf(pool, "a")).toBe("");
	});

	test("one that comes between the last look and the release stops it", async () => {
		using pool = createPool(etcd, "10.1.0.0/16");
		await fill(pool, "a", 100);
		const source = signsOf(pool);
		await reporterOf(pool, "a").report();
		await silence(pool, "a");
		let time = start;
		let transactions = 0;
		const post: Post = async (endpoint, request) => {
			// After the first batch of owners.
			if (/request_delete_range/.test(request.body) && ++transactions === 2) {
				await reporterOf(pool, "a").report();
			}
			return await etcd.post(endpoint, request);
		};
		const watcher = watch(pool, { sources: [source], now: () => time, post });
		await watcher.look();
		time += 10 * minute;
		await watcher.look();
		const left = await heldBy(pool, "a");
		expect(left).toMatchObject({ owners: left.addresses, blocks: 2 });
		expect(left.owners).toBeGreaterThan(0);
		expect(left.owners).toBeLessThan(100);
		expect(await faults(pool)).toEqual([]);
		await watcher.look();
		expect(watcher.log.at(-1)).toMatch(/^agent "a" is back: it reports itself alive; it keeps what it holds$/);
	});

	test("another machine under the same name is told of; an agent that is replaced is a living one", async () => {
		using pool = createPool(etcd, "10.1.0.0/16");
		await fill(pool, "a", 2);
		const source = signsOf(pool);
		let time = start;
		const watcher = watch(pool, { sources: [source], now: () => time });
		await reporterOf(pool, "a").report();
		await watcher.look();
		await silence(pool, "a");
		await watcher.look();
		const replacement = reporterOf(pool, "a", "boot-2");
		expect(await replacement.report()).toMatchObject({ began: true, other: undefined });
		const old = reporterOf(pool, "a");
		expect(await old.report()).toMatchObject({ other: { boot: "boot-2", host: "h" } });
		expect(await soon(replacement, ({ other }) => other?.boot === "boot-1")).toBe(true);
		time += 100 * minute;
		await watcher.look();
		expect(await heldBy(pool, "a")).toMatchObject({ owners: 2 });
		// Without anything of the former's disk, it finds its block, and GC takes back what no container of its has.
		const again = pool.agent("a", { directory: `${world.directory}/again` });
		expect(await again.add("new")).toBe("10.1.0.4");
		expect(await again.open().reclaim(({ containerId }) => containerId === "new")).toHaveLength(2);
		expect(await heldBy(pool, "a")).toEqual({ owners: 1, addresses: 1, blocks: 1 });
		expect(await faults(pool)).toEqual([]);
	});

	test("who withdraws is not lost for its silence, and not any more when it is marked already", async () => {
		using pool = createPool(etcd, "10.1.0.0/16");
		await fill(pool, "a", 1);
		const place = { prefix: pool.prefix, agent: "a" };
		await reporterOf(pool, "a").report();
		expect(await withdraw(pool.gateway(), place)).toBe(true);
		expect(await withdraw(pool.gateway(), place)).toBe(false);
		const source = signsOf(pool);
		const watcher = watch(pool, { sources: [source], now: () => start });
		await watcher.look();
		expect(await markOf(pool, "a")).toBeUndefined();
		await reporterOf(pool, "a").report();
		await silence(pool, "a");
		await watcher.look();
		expect(await markOf(pool, "a")).toContain('"lost"');
		expect(await withdraw(pool.gateway(), place)).toBe(true);
		expect(await markOf(pool, "a")).toBe("");
		// Who has not heard of it yet, and marks it again, takes it back.
		await watcher.keeper.round();
		expect(await markOf(pool, "a")).toContain('"lost"');
		await watcher.look();
		expect(await markOf(pool, "a")).toBe("");
		expect(watcher.log.at(-1)).toBe('agent "a" is back: it has withdrawn from reporting; it keeps what it holds');
		expect(source.withdrawn()).toEqual(["a"]);
		expect(await source.watch(0)).toEqual([]);
		expect(source.withdrawn()).toEqual([]);
	});

	test("an etcd that refuses what one agent needs does not keep the others waiting", async () => {
		using pool = createPool(etcd, "10.1.0.0/16");
		for (const name of ["a", "b"]) await fill(pool, name, 1);
		const post: Post = async (endpoint, request) => {
			const isOfA = Buffer.from(`${pool.prefix}/agent/a`).toString("base64");
			if (!request.body.includes("request_put") || !request.body.includes(isOfA))
				return await etcd.post(endpoint, request);
			return {
				status: 400,
				body: JSON.stringify({ code: 3, message: "etcdserver: too many operations in txn request" }),
			};
		};
		const source = mouth();
		for (const name of ["a", "b"]) source.says(name, "gone");
		const watcher = watch(pool, { sources: [source], now: () => start, post });
		await expect(watcher.look()).rejects.toThrow("too many operations");
		expect(await heldBy(pool, "a")).toMatchObject({ owners: 1 });
		expect(await heldBy(pool, "b")).toEqual(nothing);
	});
});

describe("an operator's word", () => {
	const byHand = (pool: Pool, { force = false, log = [] as string[] } = {}) => ({
		prefix: pool.prefix,
		agent: "a",
		force,
		now: () => start,
		cooldownMsOf: () => 0,
		log: (text: string) => log.push(text),
	});
	const grace = { defaultMs: minute, ofNetworkMs: new Map() };

	test("that an agent is gone releases everything in one call, also when calls before were killed at any request", async () => {
		for (let killedAt = 0; ; killedAt++) {
			using pool = createPool(etcd, "10.1.0.0/24", "fd01::/64");
			await fill(pool, "a", 30);
			let requests = 0;
			const dying: Post = async (endpoint, request) => {
				if (requests++ < killedAt) return await etcd.post(endpoint, request);
				throw new AttemptError("killed", { sent: true });
			};
			const log: string[] = [];
			const first = await releaseByHand(gatewayBy(dying), byHand(pool, { log })).catch(() => undefined);
			expect(await faults(pool)).toEqual([]);
			await releaseByHand(gatewayBy(etcd.post), byHand(pool, { log }));
			expect(await heldBy(pool, "a")).toEqual(nothing);
			expect(await faults(pool)).toEqual([]);
			const lines = log.filter((line) => line.startsWith("released 10"));
			expect(lines).toHaveLength(30);
			expect(new Set(lines).size).toBe(30);
			expect(JSON.parse((await markOf(pool, "a")) ?? "")).toMatchObject({ gone: true, released: start });
			if (first !== undefined) break;
			expect(killedAt).toBeLessThan(20);
		}
	});

	test("is not taken while the agent reports itself alive, unless it is forced, and ends with what the agent does", async () => {
		using pool = createPool(etcd, "10.1.0.0/16");
		const a = await fill(pool, "a", 100);
		const put = `${pool.prefix}/alive/a`;
		await transact(pool.gateway(), { success: [{ put, value: "" }] });
		const refused = /^Cannot release agent "a": it has shown in this moment that it is alive$/;
		await expect(markByHand(pool.gateway(), { ...byHand(pool), grace })).rejects.toThrow(refused);
		await expect(releaseByHand(pool.gateway(), byHand(pool))).rejects.toThrow(refused);
		expect(await heldBy(pool, "a")).toMatchObject({ owners: 100 });
		expect(await markOf(pool, "a")).toBeUndefined();
		let transactions = 0;
		const meddling: Post = async (endpoint, request) => {
			if (/request_delete_range/.test(request.body) && ++transactions === 2) await a.add("proof");
			return await etcd.post(endpoint, request);
		};
		await expect(releaseByHand(gatewayBy(meddling), byHand(pool, { force: true }))).rejects.toThrow(refused);
		const { owners } = await heldBy(pool, "a");
		expect(owners).toBeGreaterThan(1);
		expect(owners).toBeLessThan(100);
		expect(await releaseByHand(pool.gateway(), byHand(pool, { force: true }))).toMatchObject({ attachments: owners });
		expect(await faults(pool)).toEqual([]);
	});

	test("that it is lost begins its grace once, and its return ends it", async () => {
		using pool = createPool(etcd, "10.1.0.0/16");
		const a = await fill(pool, "a", 1);
		const mark = () => markByHand(pool.gateway(), { ...byHand(pool), grace });
		expect(await mark()).toMatchObject({ isNew: true, state: { lostSince: start, releaseAt: start + minute } });
		expect(await mark()).toMatchObject({ isNew: false, state: { lostSince: start } });
		let time = start + minute - 1;
		const watcher = watch(pool, { sources: [signsOf(pool)], now: () => time });
		await watcher.look();
		expect(await heldBy(pool, "a")).toMatchObject({ owners: 1 });
		time += 1;
		await watcher.look();
		expect(await heldBy(pool, "a")).toEqual(nothing);
		await a.add("again");
		expect(await markOf(pool, "a")).toBe("");
	});
});

describe("several services", () => {
	test("at once release nothing twice, and log each release once", async () => {
		using pool = createPool(etcd, "10.1.0.0/16", "fd01::/64");
		for (const name of ["a", "b"]) await fill(pool, name, 150);
		let time = start;
		const watchers = Array.from({ length: 3 }, () => {
			const source = mouth();
			for (const name of ["a", "b"]) source.says(name, "lost");
			return watch(pool, { sources: [source], now: () => time, cooldownMs: 1000 });
		});
		await Promise.all(watchers.map((watcher) => watcher.look()));
		time += 10 * minute;
		for (let round = 0; round < 20; round++) await Promise.all(watchers.map((watcher) => watcher.look()));
		for (const name of ["a", "b"]) expect(await heldBy(pool, name)).toEqual(nothing);
		expect(await faults(pool)).toEqual([]);
		const lines = watchers.flatMap(({ log }) => log.filter((line) => line.startsWith("released ")));
		expect(new Set(lines).size).toBe(lines.length);
		const sum = (what: "attachments" | "addresses" | "agents") =>
			watchers.reduce((total, { keeper }) => total + keeper.counts[what], 0);
		expect([sum("attachments"), sum("addresses"), sum("agents")]).toEqual([300, 600, 2]);
		expect(watchers.flatMap(({ log }) => log.filter((line) => line.includes("is lost")))).toHaveLength(2);
	}, 60_000);

	test("one that is killed at any request leaves what another makes good, while agents add and delete", async () => {
		for (const isAnswerLost of [false, true]) {
			for (let killedAt = 0; ; killedAt++) {
				using pool = createPool(etcd, "10.1.0.0/26", "fd01::/64");
				const b = pool.agent("b");
				await fill(pool, "a", 45);
				let time = start;
				let requests = 0;
				const killed = new AttemptError("killed", { sent: true });
				const dying: Post = async (endpoint, request) => {
					if (requests++ < killedAt) return await etcd.post(endpoint, request);
					if (isAnswerLost) await etcd.post(endpoint, request);
					throw killed;
				};
				const first = mouth();
				const victim = watch(pool, { sources: [first], now: () => time, post: dying });
				first.says("a", "lost");
				let isKilled = false;
				const attempt = () =>
					victim.look().catch(() => {
						isKilled = true;
					});
				await attempt();
				time += 10 * minute;
				if (!isKilled) await attempt();
				expect(await faults(pool)).toEqual([]);
				await b.add("between");
				const second = mouth();
				second.says("a", "lost");
				const heir = watch(pool, { sources: [second], now: () => time });
				await heir.look();
				time += 10 * minute;
				await heir.look();
				expect(await heldBy(pool, "a")).toEqual(nothing);
				expect(await heldBy(pool, "b")).toMatchObject({ owners: 1, addresses: 2 });
				expect(await faults(pool)).toEqual([]);
				expect(JSON.parse((await markOf(pool, "a")) ?? "")).toMatchObject({ released: expect.any(Number) });
				if (!isKilled) break;
				expect(killedAt).toBeLessThan(40);
			}
		}
	}, 120_000);

	test.each([1, 2, 3])(
		"beside agents that attach and detach at random, are lost and come back: nothing is lost but to who was lost (seed %i)",
		async (seed) => {
			using pool = createPool(etcd, "10.1.0.0/19", "fd01::/64");
			const random = seeded(seed);
			const oneOf = <T>(items: readonly T[]) => items[Math.floor(random() * items.length)] as T;
			let time = start;
			const agents = Array.from({ length: 9 }, (_, index) => ({
				name: `a${index}`,
				agent: pool.agent(`a${index}`, { now: () => time }),
				live: new Set<string>(),
				wasLost: false,
			}));
			// Always there.
			const steady = agents.slice(0, 3);
			const watchers = [mouth(), mouth(), mouth()].map((source) => ({
				source,
				...watch(pool, { sources: [source], now: () => time, grace: { defaultMs: minute } }),
			}));
			let next = 0;
			const say = (name: string, state: Sighting["state"]) => {
				for (const { source } of watchers) source.says(name, state);
			};
			for (const { name } of agents) say(name, "present");
			const act = async (): Promise<void> => {
				const each = oneOf(agents);
				const fate = random();
				if (fate < 0.45) {
					const container = `c${next++}`;
					expect(await each.agent.add(container)).toMatch(/^10\.1\.\d+\.\d+ fd01::/);
					each.live.add(container);
				} else if (fate < 0.6 && each.live.size > 0) {
					const container = oneOf([...each.live]);
					each.live.delete(container);
					await each.agent.del(container);
				} else if (fate < 0.8) {
					await oneOf(watchers).look();
				} else if (!steady.includes(each)) {
					each.wasLost = true;
					say(each.name, oneOf(["lost", "lost", "present", "gone"]));
				}
			};
			for (let step = 0; step < 60; step++) {
				time += Math.floor(random() * 20_000);
				await Promise.all(Array.from({ length: 4 }, act));
			}
			for (const { name } of agents) say(name, agents.findIndex((each) => each.name === name) < 6 ? "present" : "gone");
			for (let round = 0; round < 10; round++) {
				time += minute;
				await Promise.all(watchers.map((watcher) => watcher.look()));
			}
			const lines = watchers.flatMap(({ log }) => log.filter((line) => /^released 10/.test(line)));
			expect(new Set(lines).size).toBe(lines.length);
			const released = lines.map((line) =>
				/container "(\w+)" .* of agent "(\w+)"/.exec(line)?.slice(1).reverse().join("/"),
			);
			const expected = agents.flatMap(({ name, live }) => [...live].map((container) => `${name}/${container}`));
			const held = (await pool.agent("a0").open().list()).map(({ agent, owner }) => `${agent}/${owner.containerId}`);
			expect([...new Set(held)].sort()).toEqual(expected.filter((each) => !released.includes(each)).sort());
			for (const { name, wasLost } of agents) {
				if (!wasLost) expect(released.filter((each) => each?.startsWith(`${name}/`))).toEqual([]);
			}
			for (const { name } of agents.slice(6)) expect(await heldBy(pool, name)).toEqual(nothing);
			expect(lines.length).toBeGreaterThan(0);
			expect(await faults(pool)).toEqual([]);
		},
		60_000,
	);
});

function seeded(seed: number): () => number {
	let state = seed;
	return () => {
		state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
		return state / 2 ** 31;
	};
}
