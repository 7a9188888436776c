import { describe, expect, it } from "@jest/globals";
import { addressMutations, dualStack, failuresOnMaster, linkMutations } from "../contract/on-master.ts";
import { type PluginUnderContract, pluginContract } from "../contract/plugin.ts";
import { type Attachment, attachment, type Config, hostLocal, shell } from "../kernel/bridge-network.ts";
import { ensureMaster, makeMaster, masterLines } from "../support/master.ts";
import type { Namespace } from "../support/namespace.ts";
import { createWorld, keptByContract, leftovers, type World } from "../support/world.ts";

/*
 * What the tests of vlan and ipvlan share: a network on top of an interface of the host, `card0`.
 */

export interface Place {
	readonly config?: Config;
	readonly containerId?: string;
	readonly netns?: Namespace;
}

export interface OnMaster {
	network(world: World, config: Config): Config;
	/** An attachment to that network, with changes to it. */
	place(world: World, place?: Place): Attachment;
}

/** `keys` are those of the plugin's own. */
export function onMaster(type: string, { keys = {}, ipam = {} }: { keys?: Config; ipam?: Config } = {}): OnMaster {
	const network = (world: World, config: Config): Config => ({
		cniVersion: "1.1.0",
		name: "n1",
		type,
		master: "card0",
		...keys,
		ipam: hostLocal(world, ["10.1.2.0/24", "fd01:2::/64"], ipam),
		...config,
	});
	const place = (world: World, { config = {}, ...call }: Place = {}) =>
		attachment(world, { type, config: network(world, config), ...call });
	return { network, place };
}

/** What is left on the host. */
export function left(world: World): string[] {
	return leftovers(world, { except: [...keptByContract, ...masterLines, /^[+-] (file|directory) \.cni-suite(\/|$)/] });
}

/** The contract of all plugins. One of each thing that can change or fail: the rest is here, and in that of macvlan. */
export function describeContract(
	type: string,
	own: Pick<PluginUnderContract, "perContainer"> & { keys: Config },
): void {
	pluginContract({
		...own,
		type,
		config: (world) => ({
			master: "host" in world ? ensureMaster(world) : "card0",
			...own.keys,
			ipam: dualStack(world),
		}),
		hasAddress: true,
		lean: true,
		mutations: [...linkMutations(type).slice(0, 1), ...addressMutations.slice(0, 1)],
		failures: failuresOnMaster.slice(-1),
		kept: masterLines,
	});
}

/** A change in the container, and what CHECK says then. */
export type Mutation = readonly [line: string, msg: RegExp];

/** Of any kind of link. */
const mutationsOfAny: readonly Mutation[] = [
	["ip link del eth0", /^Cannot find container link eth0/],
	["ip link set eth0 down", /eth0 is down/],
	["ip address del 10.1.2.2/24 dev eth0 || ip address flush dev eth0 scope global", /^Failed to match addr/],
];

export function describeCheck(
	{ place }: OnMaster,
	{ config, mutations }: { config?: Config; mutations: readonly Mutation[] },
): void {
	describe("CHECK", () => {
		it("names the one thing that is not as ADD left it", () => {
			using world = createWorld();
			makeMaster(world);
			const one = place(world, config === undefined ? {} : { config });
			for (const [line, msg] of [...mutationsOfAny, ...mutations]) {
				one.add();
				shell(one.container, line);
				expect([line, one.run("CHECK").error?.msg]).toEqual([line, expect.stringMatching(msg)]);
				one.must("DEL");
			}
		});
	});
}

/** `broken` are keys of which none is right any more. */
export function describeDel({ network, place }: OnMaster, { broken }: { broken: Config }): void {
	describe("DEL", () => {
		it("takes away what is left when the master is gone and nothing in the configuration is right any more", () => {
			using world = createWorld();
			makeMaster(world);
			const one = place(world);
			one.add();
			shell(world.host, "ip link del card0");
			expect(shell(one.container, "ip -o link")).not.toContain("eth0");
			one.must("DEL", { config: network(world, { master: 7, mtu: "x", prevResult: 3, ...broken }) });
			one.must("DEL", { config: network(world, { master: "" }), netns: undefined });
			const two = place(world, { containerId: "two" });
			two.must("DEL", { netns: "/run/netns/no-such" });
			two.must("DEL", { netns: undefined, config: network(world, { linkInContainer: true }) });
			expect(left(world).filter((line) => line.startsWith("+"))).toEqual([]);
		});
	});
}

/** `unusable` are keys with which no ADD can succeed. */
export function describeStatus({ network, place }: OnMaster, { unusable }: { unusable: Config }): void {
	describe("STATUS", () => {
		it("fails when the master is missing or does not carry the MTU, and when the configuration cannot be used", () => {
			using world = createWorld();
			makeMaster(world);
			const one = place(world);
			const status = (config: Config) => one.run("STATUS", { netns: undefined, config: network(world, config) });
			expect(status({}).exitCode).toBe(0);
			expect(status({ master: "no-such" }).error).toMatchObject({ code: 50 });
			expect(status({ mtu: 9000 }).error).toMatchObject({ code: 50 });
			expect(status(unusable).error).toMatchObject({ code: 7 });
		});
	});
}
