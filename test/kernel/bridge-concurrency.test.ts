import { setTimeout } from "node:timers/promises";
import { describe, expect, it } from "@jest/globals";
import type { Namespace } from "../support/namespace.ts";
import { type Command, type PluginOutcome, runPluginAsync } from "../support/run-plugin.ts";
import { ping } from "../support/traffic.ts";
import { createWorld, leftovers, type World } from "../support/world.ts";
import {
	bridgeNetwork,
	type Config,
	globalAddresses,
	kept,
	type PrintedResult,
	shell,
	shownLink,
	shownLinks,
} from "./bridge-network.ts";

const minute = 60_000;

interface Call {
	readonly config: Config;
	readonly netns: Namespace;
	readonly containerId: string;
	readonly ifName?: string;
	readonly prevResult?: unknown;
}

/** All at once; how many of them run at a time is the system's business. */
function all(world: World, { command, calls }: { command: Command; calls: readonly Call[] }): Promise<PluginOutcome[]> {
	return Promise.all(
		calls.map(({ config, prevResult, ...call }) =>
			runPluginAsync({ world, type: "bridge", command, config: { ...config, prevResult }, ...call }),
		),
	);
}

function expectSuccess(outcomes: readonly PluginOutcome[]): void {
	expect(outcomes.filter(({ exitCode }) => exitCode !== 0).map(({ stdout, stderr }) => stdout + stderr)).toEqual([]);
}

const resultsOf = (outcomes: readonly PluginOutcome[]) => outcomes.map(({ json }) => json as PrintedResult);

describe("many at once", () => {
	it.each([
		["100 containers on one bridge", 100, { isDefaultGateway: true }],
		[
			"40 containers on one bridge, with masquerade and spoof check",
			40,
			{ isDefaultGateway: true, ipMasq: true, macspoofchk: true },
		],
		["20 containers with masquerade in iptables", 20, { isGateway: true, ipMasq: true, ipMasqBackend: "iptables" }],
	])(
		"%s: ADD, CHECK, DEL",
		async (_title, count, extra) => {
			using world = createWorld();
			const config = bridgeNetwork(world, { subnets: ["10.1.2.0/24", "fd00:1::/64"], config: extra });
			const calls = Array.from({ length: count }, (_, index) => ({
				config,
				netns: world.container(),
				containerId: `c${index}`,
			}));
			const added = await all(world, { command: "ADD", calls });
			expectSuccess(added);
			const results = resultsOf(added);
			const addresses = results.flatMap(({ ips = [] }) => ips.map(({ address }) => address));
			expect(new Set(addresses).size).toBe(2 * count);
			// Created once, and nobody has seen another MAC address of it.
			expect(new Set(results.map(({ interfaces }) => interfaces[0]?.mac))).toEqual(
				new Set([shownLink(world.host, "br0").address]),
			);
			expect([...globalAddresses(world.host, "br0")].sort()).toEqual(["10.1.2.1/24", "fd00:1::1/64"]);
			expect(shownLinks(world.host).filter(({ master }) => master === "br0")).toHaveLength(count);
			// Several packets: a hundred interfaces that have come up at once keep the machine busy for a while.
			for (const { netns } of calls.slice(-3)) expect(ping(netns, "fd00:1::1", { count: 10 })).toBe(true);
			const attached = calls.map((call, index) => ({ ...call, prevResult: results[index] }));
			expectSuccess(await all(world, { command: "CHECK", calls: attached }));
			expectSuccess(await all(world, { command: "DEL", calls: attached }));
			const tables = [/^\+ nft (table|chain) ip6? nat( |$)/, /^\+ iptables nat [*:]/];
			expect(leftovers(world, { except: [...kept, ...tables] })).toEqual([]);
		},
		2 * minute,
	);

	it("a bridge that is there already keeps its MAC address", async () => {
		using world = createWorld();
		shell(world.host, "ip link add br0 up type bridge");
		const { address } = shownLink(world.host, "br0");
		const config = bridgeNetwork(world, { subnets: [] });
		const calls = Array.from({ length: 10 }, (_, index) => ({
			config,
			netns: world.container(),
			containerId: `c${index}`,
		}));
		expectSuccess(await all(world, { command: "ADD", calls }));
		expect(shownLink(world.host, "br0").address).toBe(address);
		expectSuccess(await all(world, { command: "DEL", calls }));
		expect(shownLink(world.host, "br0").address).toBe(address);
	});

	it(
		"20 networks",
		async () => {
			using world = createWorld();
			const calls = Array.from({ length: 20 }, (_, index) => ({
				config: bridgeNetwork(world, {
					subnets: [`10.2.${index}.0/24`],
					config: { name: `net-${index}`, bridge: `br${index}`, isDefaultGateway: true, ipMasq: true },
				}),
				netns: world.container(),
				containerId: "c",
			}));
			const added = await all(world, { command: "ADD", calls });
			expectSuccess(added);
			expect(resultsOf(added).map(({ ips }) => ips?.[0]?.address)).toEqual(
				calls.map((_, index) => `10.2.${index}.2/24`),
			);
			// Through the host from the first network to the last.
			expect(ping(calls[0]?.netns ?? world.host, "10.2.19.2")).toBe(true);
			expectSuccess(await all(world, { command: "DEL", calls }));
			const files = [/^\+ file net-\d+\/(lock|last_reserved_ip\.0) /, /^\+ file \.cni-suite\//];
			expect(leftovers(world, { except: [...kept, ...files] })).toEqual([]);
		},
		minute,
	);

	it.each([
		["with addresses", ["10.1.2.0/24"], { isDefaultGateway: true, ipMasq: true, macspoofchk: true }],
		["without addresses", [], { macspoofchk: true }],
	])(
		"of ADDs of one attachment %s exactly one succeeds, and the others take nothing from it",
		async (_title, subnets, extra) => {
			using world = createWorld();
			const config = bridgeNetwork(world, { subnets, config: extra });
			const netns = world.container();
			const call = { config, netns, containerId: "one" };
			const outcomes = await all(world, { command: "ADD", calls: Array.from({ length: 6 }, () => call) });
			const [winner, ...others] = outcomes.filter(({ exitCode }) => exitCode === 0);
			expect(others).toEqual([]);
			const prevResult = winner?.json;
			expect(prevResult).toBeDefined();
			expectSuccess(await all(world, { command: "CHECK", calls: [{ ...call, prevResult }] }));
			if (subnets.length > 0) expect(ping(netns, "10.1.2.1")).toBe(true);
			expectSuccess(await all(world, { command: "DEL", calls: [{ ...call, prevResult }] }));
			expect(leftovers(world, { except: kept })).toEqual([]);
		},
	);

	it(
		"an ADD that is overtaken by another of the same attachment at any request to the kernel leaves the other's work",
		async () => {
			using world = createWorld();
			const config = bridgeNetwork(world, { subnets: [], config: { macspoofchk: true } });
			const netns = world.container();
			const call = { config, netns, containerId: "one" };
			for (let request = 1; request <= 6; request++) {
				const inject = `inject=sendto:delay_enter=500000:when=${request}`;
				const wrapper = ["strace", "-qq", "-f", "-o", "/dev/null", "-e", "trace=sendto", "-e", inject];
				const slow = runPluginAsync({ world, type: "bridge", command: "ADD", ...call, wrapper });
				await setTimeout(250);
				const [quick] = await all(world, { command: "ADD", calls: [call] });
				const winners = [quick, await slow].filter((outcome) => outcome?.exitCode === 0);
				expect([request, winners.length]).toEqual([request, 1]);
				const prevResult = winners[0]?.json;
				expectSuccess(await all(world, { command: "CHECK", calls: [{ ...call, prevResult }] }));
				expectSuccess(await all(world, { command: "DEL", calls: [{ ...call, prevResult }] }));
				expect(leftovers(world, { except: kept })).toEqual([]);
			}
		},
		minute,
	);

	it("DELs of one attachment all succeed", async () => {
		using world = createWorld();
		const config = bridgeNetwork(world, { config: { isDefaultGateway: true, ipMasq: true, macspoofchk: true } });
		const call = { config, netns: world.container(), containerId: "one" };
		expectSuccess(await all(world, { command: "ADD", calls: [call] }));
		expectSuccess(await all(world, { command: "DEL", calls: Array.from({ length: 6 }, () => call) }));
		expect(leftovers(world, { except: kept })).toEqual([]);
	});

	it(
		"ADD, DEL and GC cross each other",
		async () => {
			using world = createWorld();
			const config = bridgeNetwork(world, { config: { isDefaultGateway: true, ipMasq: true, macspoofchk: true } });
			const calls = Array.from({ length: 20 }, (_, index) => ({
				config,
				netns: world.container(),
				containerId: `c${index}`,
			}));
			const [leaving, coming] = [calls.slice(0, 10), calls.slice(10)];
			expectSuccess(await all(world, { command: "ADD", calls: leaving }));
			const valid = calls.map(({ containerId }) => ({ containerID: containerId, ifname: "eth0" }));
			const [left, came, collected] = await Promise.all([
				all(world, { command: "DEL", calls: leaving }),
				all(world, { command: "ADD", calls: coming }),
				runPluginAsync({
					world,
					type: "bridge",
					command: "GC",
					config: { ...config, "cni.dev/valid-attachments": valid },
				}),
			]);
			expectSuccess([...left, ...came, collected]);
			const attached = coming.map((call, index) => ({ ...call, prevResult: came[index]?.json }));
			expectSuccess(await all(world, { command: "CHECK", calls: attached }));
			expectSuccess(await all(world, { command: "DEL", calls: attached }));
			expect(leftovers(world, { except: kept })).toEqual([]);
		},
		minute,
	);
});
