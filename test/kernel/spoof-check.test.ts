import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { jsonIn, type Namespace, runIn } from "../support/namespace.ts";
import { tools } from "../support/paths.ts";
import { type Command, mustRunPlugin, type PluginCall, runPlugin } from "../support/run-plugin.ts";
import { ping } from "../support/traffic.ts";
import { createWorld, keptByContract, leftovers, snapshotOf, type World } from "../support/world.ts";
import { callFirewall } from "./firewall-driver.ts";

let world: World;
beforeEach(() => {
	world = createWorld();
});
afterEach(() => world.dispose());

const id = "container-1-eth0";
const kept = [
	...keptByContract,
	/^[+-] file (\.cni-suite\/|\S+\/last_reserved_ip\.)/,
	/^\+ nft table bridge nat \{/,
	/^\+ nft chain bridge nat PREROUTING \{/,
];

interface Options {
	readonly netns?: Namespace;
	readonly containerId?: string;
	readonly network?: string;
	readonly stock?: boolean;
	readonly valid?: readonly object[];
	readonly prevResult?: unknown;
}

function call(
	command: Command,
	{ network = "spoof-test", stock = false, valid, prevResult, ...rest }: Options,
): PluginCall {
	return {
		world,
		type: "bridge",
		command,
		config: {
			cniVersion: "1.1.0",
			name: network,
			type: "bridge",
			bridge: "cni0",
			isDefaultGateway: true,
			macspoofchk: true,
			...(prevResult === undefined ? {} : { prevResult }),
			...(valid === undefined ? {} : { "cni.dev/valid-attachments": valid }),
			ipam: { type: "host-local", dataDir: world.dataDir, ranges: [[{ subnet: "10.1.2.0/24" }]] },
		},
		...(stock ? { cniPath: tools } : {}),
		...rest,
	};
}

describe("macspoofchk", () => {
	it("lets frames with the container's own address pass, and drops all others", () => {
		const netns = world.container();
		mustRunPlugin(call("ADD", { netns }));
		expect(ping(netns, "10.1.2.1")).toBe(true);
		runIn(netns, ["ip", "link", "set", "eth0", "down"]);
		runIn(netns, ["ip", "link", "set", "eth0", "address", "02:00:00:00:00:99", "up"]);
		expect(ping(netns, "10.1.2.1", { timeoutSeconds: 1 })).toBe(false);
	});

	it("has rules, chains and comments of the reference's form", () => {
		mustRunPlugin(call("ADD", { netns: world.container() }));
		const ours = ruleset();
		mustRunPlugin(call("DEL", {}));
		mustRunPlugin(call("ADD", { netns: world.container(), stock: true }));
		// The comment of the first chain says to GC which network it belongs to; the reference has none.
		expect(
			ours.replace(/\t\tcomment "[0-9a-f]{16}-[0-9a-f]{16}, net: spoof-test, if: eth0, id: container-1"\n/, ""),
		).toBe(ruleset());
		expect(ours).toContain(`iifname "veth" jump cni-br-iface-${id} comment "macspoofchk-${id}"`);
	});

	it("leaves nothing after DEL, also without the namespace, and keeps the others", () => {
		mustRunPlugin(call("ADD", { netns: world.container(), containerId: "other" }));
		const since = snapshotOf(world);
		for (const gone of [false, true]) {
			const netns = world.container();
			mustRunPlugin(call("ADD", { netns }));
			mustRunPlugin(call("DEL", gone ? {} : { netns }));
			expect(leftovers(world, { since, except: kept })).toEqual([]);
		}
		mustRunPlugin(call("DEL", { containerId: "other" }));
		expect(leftovers(world, { except: kept })).toEqual([]);
	});

	it.each([
		["nft flush chain bridge nat PREROUTING", `jump cni-br-iface-${id}" in chain "PREROUTING"`],
		[`nft flush chain bridge nat cni-br-iface-${id}`, `rule "jump cni-br-iface-${id}-mac"`],
		[`nft flush chain bridge nat cni-br-iface-${id}-mac`, 'rule "drop"'],
		["nft delete table bridge nat", 'chain "PREROUTING"'],
	])("CHECK names what is missing after: %s", (command, named) => {
		const netns = world.container();
		const prevResult = mustRunPlugin(call("ADD", { netns }));
		expect(runPlugin(call("CHECK", { netns, prevResult })).stdout).toBe("");
		runIn(world.host, command.split(" "));
		expect(runPlugin(call("CHECK", { netns, prevResult })).error?.msg).toContain(named);
	});

	it("GC removes the checks of its own network that have no valid attachment", () => {
		for (const [network, containerId] of [
			["spoof-test", "one"],
			["spoof-test", "two"],
			["other-net", "three"],
		] as const) {
			mustRunPlugin(call("ADD", { netns: world.container(), network, containerId }));
		}
		mustRunPlugin(call("GC", { valid: [{ containerID: "one", ifname: "eth0" }] }));
		expect(checkedIds()).toEqual(["one-eth0", "three-eth0"]);
	});
});

describe("macspoofchk beside the reference", () => {
	it("the reference's DEL removes what our ADD made", () => {
		const netns = world.container();
		mustRunPlugin(call("ADD", { netns }));
		expect(checkedIds()).toEqual([id]);
		mustRunPlugin(call("DEL", { netns, stock: true }));
		expect(checkedIds()).toEqual([]);
		expect(ruleset()).not.toContain(id);
	});

	it("our CHECK accepts, and our DEL removes, what the reference's ADD made", () => {
		const netns = world.container();
		const prevResult = mustRunPlugin(call("ADD", { netns, stock: true }));
		expect(checkedIds()).toEqual([id]);
		expect(runPlugin(call("CHECK", { netns, prevResult })).stdout).not.toContain("spoof");
		mustRunPlugin(call("DEL", { netns }));
		expect(ruleset()).not.toContain(id);
	});

	it("our GC removes what the reference's ADD made when its interface is gone, and not before", () => {
		const netns = world.container();
		mustRunPlugin(call("ADD", { netns, stock: true }));
		mustRunPlugin(call("GC", { valid: [], network: "other-net" }));
		expect(checkedIds()).toEqual([id]);
		runIn(netns, ["ip", "link", "delete", "eth0"]);
		mustRunPlugin(call("GC", { valid: [{ containerID: "container-1", ifname: "eth0" }] }));
		expect(checkedIds()).toEqual([id]);
		mustRunPlugin(call("GC", { valid: [] }));
		expect(ruleset()).not.toContain(id);
	});
});

describe("spoof check", () => {
	const attachment = { network: "spoof-test", ifName: "eth0", containerId: "container-1" };
	const apply = (options: object) => callFirewall(world, { call: "applySpoofCheck", attachment, ...options });

	it("is replaced as a whole when it is applied again", () => {
		apply({ hostIfName: "veth1", mac: "02:00:00:00:00:01" });
		expect(apply({ hostIfName: "veth2", mac: "02:00:00:00:00:02" }).ok).toBe(true);
		const text = runIn(world.host, ["nft", "list", "ruleset"]);
		expect(text).not.toMatch(/veth1|:01 return/);
		expect(text.match(/macspoofchk/g)).toHaveLength(4);
	});

	it("takes an interface name literally", () => {
		expect(apply({ hostIfName: 've"th*', mac: "02:00:00:00:00:01" }).ok).toBe(true);
		const verify = (hostIfName: string) =>
			callFirewall(world, { call: "verifySpoofCheck", attachment, hostIfName, mac: "02:00:00:00:00:01" }).ok;
		expect([verify('ve"th*'), verify('ve"thx')]).toEqual([true, false]);
	});

	it("refuses names that the kernel could not hold, before anything is done", () => {
		const reply = callFirewall(world, {
			call: "applySpoofCheck",
			attachment: { ...attachment, containerId: "c".repeat(240) },
			hostIfName: "veth1",
			mac: "02:00:00:00:00:01",
		});
		expect(reply).toMatchObject({ ok: false, code: 7 });
		expect(leftovers(world)).toEqual([]);
	});
});

/** Without handles, and with names of host links and addresses made equal. */
function ruleset(): string {
	return runIn(world.host, ["nft", "list", "table", "bridge", "nat"])
		.replace(/veth[0-9a-z]+/g, "veth")
		.replace(/([0-9a-f]{2}:){5}[0-9a-f]{2}/g, "MAC");
}

/** The containers and interfaces whose frames are looked at. */
function checkedIds(): string[] {
	const list = jsonIn<{ nftables: { rule?: { comment?: string } }[] }>(world.host, [
		"nft",
		"-j",
		"list",
		"chain",
		"bridge",
		"nat",
		"PREROUTING",
	]);
	return list.nftables.flatMap(({ rule }) =>
		rule?.comment === undefined ? [] : [rule.comment.slice("macspoofchk-".length)],
	);
}
