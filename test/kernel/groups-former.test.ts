import { afterEach, beforeEach, expect, it } from "@jest/globals";
import { groupsBase } from "../support/groups-base.ts";
import { attemptInAsync, runIn } from "../support/namespace.ts";
import { ping } from "../support/traffic.ts";
import { createWorld, leftovers, type World } from "../support/world.ts";
import { kept } from "./bridge-network.ts";
import { groupsNetwork, type Member } from "./groups-network.ts";

let world: World;

beforeEach(() => {
	world = createWorld();
});
afterEach(() => {
	world.dispose();
});

const quickly = { timeoutSeconds: 0.5 };

/** Brings the table for what is routed into the form that it had before: a map of classes by address for each family. */
function makeFormer(members: readonly Member[]): void {
	const list = (...what: string[]) => runIn(world.host, ["nft", "list", ...what]);
	const classes = list("map", "inet", "cni_groups", "classes");
	const tags = list("set", "bridge", "cni_groups", "ports");
	const elements = members.flatMap(({ port, mac, ip4, ip6 }) => {
		const [, chain] = new RegExp(`${mac} comment "[^"]*" : jump (class_[0-9a-f]+)`).exec(classes) ?? [];
		const [, tag] = new RegExp(`"${port}" comment "([^"]*)"`).exec(tags) ?? [];
		return [
			`add element inet cni_groups classes4 { ${ip4} comment "${tag}" : jump ${chain} }`,
			`add element inet cni_groups classes6 { ${ip6} comment "${tag}" : jump ${chain} }`,
		];
	});
	const published = ["ct status dnat ip daddr @published4 accept", "ct status dnat ip6 daddr @published6 accept"];
	const rules = {
		forward: [
			"meta pkttype != host accept",
			"ip6 daddr fe80::/10 accept",
			"ip saddr vmap @classes4",
			"ip6 saddr vmap @classes6",
			"ct state established,related ct status dnat accept",
			"ip saddr @addresses4 goto from_container",
			"ip6 saddr @addresses6 goto from_container",
			"ip daddr @addresses4 goto to_container",
			"ip6 daddr @addresses6 goto to_container",
		],
		from_container: [...published, "ip daddr @addresses4 drop", "ip6 daddr @addresses6 drop"],
		to_container: [
			...published,
			"ct status dnat drop",
			"ct state established,related accept",
			"ip daddr @reachable4 accept",
			"ip6 daddr @reachable6 accept",
			"drop",
		],
	};
	const lines = [
		"add map inet cni_groups classes4 { type ipv4_addr : verdict; }",
		"add map inet cni_groups classes6 { type ipv6_addr : verdict; }",
		...elements,
		...Object.entries(rules).flatMap(([chain, ofChain]) => [
			`flush chain inet cni_groups ${chain}`,
			...ofChain.map((rule) => `add rule inet cni_groups ${chain} ${rule}`),
		]),
		"delete map inet cni_groups classes",
	];
	runIn(world.host, ["nft", "-f", "-"], { input: lines.join("\n") });
}

function former() {
	const one = groupsNetwork(world);
	const two = groupsNetwork(world, { name: "n2", bridge: "br1", subnets: ["10.1.3.0/24", "fd01:3::/64"] });
	const [a, b, c] = [one.attach({ groups: ["a"] }), two.attach({ groups: ["a"] }), two.attach({ groups: ["c"] })];
	makeFormer([a, b, c]);
	expect(runIn(world.host, ["nft", "list", "maps"])).toContain("classes4");
	return { one, a, b, c };
}

it("groups as a former version laid them out are adopted by the next ADD, and nobody is cut off meanwhile", async () => {
	const { one, a, b, c } = former();
	const pinging = attemptInAsync(a.container, ["ping", "-n", "-q", "-i", "0.005", "-w", "2", b.ip4]);
	const d = one.attach({ groups: ["c"] });
	const { stdout } = await pinging;
	const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(stdout) ?? [];
	expect([Number(sent) > 10, received]).toEqual([true, sent]);
	expect([ping(d.container, c.ip4), ping(c.container, d.ip6), ping(a.container, b.ip6)]).toEqual([true, true, true]);
	expect([ping(d.container, b.ip4, quickly), ping(a.container, c.ip6, quickly)]).toEqual([false, false]);
	expect([a, b, c, d].map((member) => member.run("CHECK").exitCode)).toEqual([0, 0, 0, 0]);
	for (const member of [a, b, c, d]) member.detach();
	expect(leftovers(world, { except: [...kept, ...groupsBase] })).toEqual([]);
});

it("groups as a former version laid them out are left without anything by DEL", () => {
	const { a, b, c } = former();
	b.detach();
	expect(ping(a.container, c.ip4, quickly)).toBe(false);
	for (const member of [a, c]) member.detach();
	expect(leftovers(world, { except: [...kept, ...groupsBase] })).toEqual([]);
});

it("groups as a former version laid them out are collected by GC", () => {
	const { a, b, c } = former();
	const valid = [{ containerID: c.containerId, ifname: "eth0" }];
	expect(b.run("GC", { name: "n2", "cni.dev/valid-attachments": valid }).exitCode).toBe(0);
	expect(runIn(world.host, ["nft", "list", "ruleset"])).not.toContain(b.ip4);
	for (const member of [a, c, b]) member.detach();
	expect(leftovers(world, { except: [...kept, ...groupsBase] })).toEqual([]);
});
