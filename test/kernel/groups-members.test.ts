import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { attachByHand } from "../support/chained.ts";
import { ethernet, sendFrames, udp4 } from "../support/frames.ts";
import { groupsBase } from "../support/groups-base.ts";
import { deleteNamespace, type Namespace, runIn } from "../support/namespace.ts";
import { distribution } from "../support/paths.ts";
import { runPlugin } from "../support/run-plugin.ts";
import { ping } from "../support/traffic.ts";
import { createWorld, leftovers, type World } from "../support/world.ts";
import { type Config, kept } from "./bridge-network.ts";
import { bridgeMember, chainNetwork } from "./chain-network.ts";
import { groupsNetwork } from "./groups-network.ts";

let world: World;

beforeEach(() => {
	world = createWorld();
});
afterEach(() => {
	world.dispose();
});

const quickly = { timeoutSeconds: 0.5 };

describe("groups in a chain, as Mesos calls it", () => {
	const inGroups = (...groups: string[]): Config => ({ args: { "org.apache.mesos": { network_info: { groups } } } });

	it("are those of the task", () => {
		const network = chainNetwork(world, { plugins: [bridgeMember(world), { type: "groups", groups: ["configured"] }] });
		const attach = (containerId: string, changes: Config = {}) => {
			const netns = world.container();
			expect(network.run("ADD", { netns, containerId, with: changes })).toMatchObject({ exitCode: 0, stderr: "" });
			return netns;
		};
		const [web1, web2] = [attach("web1", inGroups("web", "√ \"'`$(x)\\")), attach("web2", inGroups("web"))];
		const [plain1, plain2] = [attach("plain1"), attach("plain2", inGroups())];
		expect([ping(web1, "10.1.2.3"), ping(plain1, "10.1.2.5")]).toEqual([true, true]);
		expect([ping(web1, "10.1.2.4", quickly), ping(plain2, "10.1.2.3", quickly)]).toEqual([false, false]);
		const members = JSON.parse(runIn(world.host, [`${distribution}/cnictl`, "groups", "--json"])).members;
		expect(members.map(({ groups }: { groups: string[] }) => groups)).toEqual([
			["configured"],
			["configured"],
			["web", "√ \"'`$(x)\\"],
			["web"],
		]);
		for (const [index, netns] of [web1, web2, plain1, plain2].entries()) {
			if (index > 1) deleteNamespace(netns);
			const containerId = ["web1", "web2", "plain1", "plain2"][index] ?? "";
			const outcome = network.run("DEL", { netns: index > 1 ? undefined : netns, containerId });
			expect([outcome.exitCode, outcome.stdout]).toEqual([0, ""]);
		}
		expect(leftovers(world, { except: [...kept, ...groupsBase] })).toEqual([]);
	});

	it("that cannot be used fail the task, and leave nothing", () => {
		const network = chainNetwork(world, { plugins: [bridgeMember(world), { type: "groups" }] });
		const outcome = network.run("ADD", { netns: world.container(), with: inGroups("a", "") });
		expect(outcome.error?.msg).toContain('Cannot use "args.org.apache.mesos.network_info.groups[1]"');
		expect(leftovers(world, { except: [...kept, ...groupsBase] })).toEqual([]);
	});
});

describe("a container on no bridge", () => {
	/** What ptp makes: a pair whose end on the host is the gateway. */
	function pointToPoint(groups: readonly string[]) {
		const container = world.container();
		const lines = [
			"sysctl -qw net.ipv4.ip_forward=1",
			`ip link add ptp0 type veth peer name eth0 netns ${container.name}`,
			"ip link set ptp0 up",
			"ip address add 10.7.0.1/32 dev ptp0",
			"ip route add 10.7.0.2 dev ptp0",
		];
		runIn(world.host, ["sh", "-ec", lines.join("; ")]);
		const inside = [
			"ip link set eth0 up",
			"ip address add 10.7.0.2/32 dev eth0",
			"ip route add 10.7.0.1 dev eth0",
			"ip route add default via 10.7.0.1",
		];
		runIn(container, ["sh", "-ec", inside.join("; ")]);
		const prevResult = {
			cniVersion: "1.1.0",
			interfaces: [{ name: "ptp0" }, { name: "eth0", sandbox: container.path }],
			ips: [{ address: "10.7.0.2/32", interface: 1 }],
		};
		const config = { cniVersion: "1.1.0", name: "ptp", type: "groups", groups, prevResult };
		const run = (command: string) =>
			runPlugin({ world, type: "groups", command, config, netns: container, containerId: "ptp" });
		return { container, run };
	}

	it("is in groups all the same, and sends from its own address alone", () => {
		const network = groupsNetwork(world);
		const [friend, stranger] = [network.attach({ groups: ["a"] }), network.attach({ groups: ["b"] })];
		const { container, run } = pointToPoint(["a"]);
		expect(run("ADD").exitCode).toBe(0);
		expect(run("CHECK").exitCode).toBe(0);
		expect([ping(container, friend.ip4), ping(friend.container, "10.7.0.2"), ping(container, "10.7.0.1")]).toEqual([
			true,
			true,
			true,
		]);
		expect([ping(container, stranger.ip4, quickly), ping(stranger.container, "10.7.0.2", quickly)]).toEqual([
			false,
			false,
		]);
		expect(reachesHost(container, "10.7.0.2")).toBe(true);
		expect(reachesHost(container, stranger.ip4)).toBe(false);
		expect(run("DEL").exitCode).toBe(0);
		for (const member of [friend, stranger]) member.detach();
		const made = /^\+ (link|address|route|qdisc) .*(veth|10\.7\.0)/;
		expect(leftovers(world, { except: [...kept, ...groupsBase, made] })).toEqual([]);
	});

	/** Whether a datagram with that source gets as far as the host's sockets. */
	function reachesHost(container: Namespace, source: string): boolean {
		const [gateway] = JSON.parse(runIn(world.host, ["ip", "-j", "link", "show", "ptp0"]));
		const [own] = JSON.parse(runIn(container, ["ip", "-j", "link", "show", "eth0"]));
		const received = () => Number(/^Udp: \d+ (\d+)/m.exec(runIn(world.host, ["cat", "/proc/net/snmp"]))?.[1]);
		const before = received();
		const frame = ethernet(
			{ from: own.address, to: gateway.address, protocol: 0x0800 },
			udp4({ source, target: "10.7.0.1" }),
		);
		sendFrames(container, [frame]);
		return received() > before;
	}
});

describe("cnictl groups", () => {
	it("prints nothing that commands a terminal", () => {
		const chain = chainNetwork(world, { plugins: [bridgeMember(world), { type: "groups", groups: ["web"] }] });
		const red = { netns: world.container(), ifName: "\x1b[31m" };
		expect(chain.run("ADD", red).exitCode).toBe(0);
		const printed = runIn(world.host, [`${distribution}/cnictl`, "groups"]);
		expect([printed.includes("\x1b"), printed.includes("\\u001b[31m")]).toEqual([false, true]);
		expect(chain.run("DEL", red).exitCode).toBe(0);
	});
});

describe("a second ADD with other groups", () => {
	it("changes them, and DEL leaves nothing", () => {
		const network = groupsNetwork(world);
		const [a, b] = [network.attach({ groups: ["a", "x"] }), network.attach({ groups: ["b"] })];
		expect(ping(a.container, b.ip4, quickly)).toBe(false);
		expect(a.run("ADD", { groups: ["b", "x"] }).exitCode).toBe(0);
		expect([ping(a.container, b.ip4), ping(b.container, a.ip6)]).toEqual([true, true]);
		expect(a.run("CHECK", { groups: ["b", "x"] }).exitCode).toBe(0);
		expect(a.run("CHECK").error?.msg).toMatch(/group "a" of port /);
		expect(runIn(world.host, ["nft", "list", "chains"]).match(/class_/g)).toHaveLength(4);
		for (const member of [a, b]) member.detach();
		expect(leftovers(world, { except: [...kept, ...groupsBase] })).toEqual([]);
	});

	it("that somebody's own rule stands in the way of is still deleted", () => {
		const network = groupsNetwork(world);
		const a = network.attach({ groups: ["a"] });
		const [set = ""] = runIn(world.host, ["nft", "list", "sets", "inet"]).match(/group4_[0-9a-f]+/) ?? [];
		runIn(world.host, [
			"nft",
			"add",
			"rule",
			"inet",
			"cni_groups",
			"from_container",
			"ip",
			"saddr",
			`@${set}`,
			"counter",
		]);
		expect(a.run("DEL").exitCode).toBe(0);
		expect(runIn(world.host, ["nft", "list", "set", "inet", "cni_groups", "addresses4"])).not.toContain(a.ip4);
	});
});

describe("a hardware address that another has", () => {
	it("is refused on whatever bridge, and the error names that one", () => {
		const network = groupsNetwork(world);
		const other = groupsNetwork(world, { name: "n2", bridge: "br1", subnets: ["10.1.3.0/24", "fd01:3::/64"] });
		const a = network.attach({ groups: ["a"] });
		for (const { attach } of [network, other]) {
			const b = attach({ groups: ["b"], unregistered: true });
			runIn(b.container, ["ip", "link", "set", "eth0", "address", a.mac]);
			expect(b.run("ADD").error?.msg).toMatch(
				/^Cannot let groups decide about address fe80::\S+: the attachment "net: n1, if: eth0, id: n1-c1" has it$/,
			);
		}
		expect(a.run("CHECK").exitCode).toBe(0);
	});
});

describe("an address that another has", () => {
	/** Two networks that give the same address, or an IPAM plugin that has lost its state. */
	function attachTwice() {
		const [first, second] = [world.container(), world.container()];
		const prevResult = attachByHand(world, first);
		const call = (netns: Namespace, containerId: string, result: Config) => ({
			world,
			type: "groups",
			netns,
			containerId,
			config: { cniVersion: "1.1.0", name: "n1", type: "groups", groups: ["a"], prevResult: result },
		});
		expect(runPlugin({ ...call(first, "first", prevResult), command: "ADD" }).exitCode).toBe(0);
		attachByHand(world, second, { number: 3 });
		const same = JSON.parse(JSON.stringify(prevResult).replaceAll(first.path, second.path));
		return { first, firstCall: call(first, "first", prevResult), secondCall: call(second, "second", same) };
	}

	it("is refused while that one lives, and the error names it", () => {
		const { firstCall, secondCall } = attachTwice();
		const { error } = runPlugin({ ...secondCall, command: "ADD" });
		expect(error?.msg).toBe(
			'Cannot let groups decide about address 10.50.0.2: the attachment "net: n1, if: eth0, id: first" has it',
		);
		expect(runPlugin({ ...firstCall, command: "CHECK" }).exitCode).toBe(0);
	});

	it("is taken over when that one's namespace is gone", () => {
		const { first, firstCall, secondCall } = attachTwice();
		deleteNamespace(first);
		expect(runPlugin({ ...secondCall, command: "ADD" }).exitCode).toBe(0);
		expect(runPlugin({ ...firstCall, netns: undefined, command: "DEL" }).exitCode).toBe(0);
		expect(runPlugin({ ...secondCall, command: "CHECK" }).exitCode).toBe(0);
		expect(runPlugin({ ...secondCall, command: "DEL" }).exitCode).toBe(0);
		const made = /^[+-] (link|address|route|qdisc|neighbour|sysctl) /;
		expect(leftovers(world, { except: [...groupsBase, made] })).toEqual([]);
	});
});

describe("an interface that groups cannot decide about", () => {
	it.each([
		["is missing", "ip link del eth0", 'it is not in "'],
		[
			"has no end on the host",
			"ip link del eth0; ip link add eth0 type veth peer name eth1",
			"it is no veth whose other",
		],
		["is of another kind", "ip link del eth0; ip link add eth0 type bridge", 'of kind "bridge"'],
	])("because it %s is refused", (_why, change, cause) => {
		const container = world.container();
		const prevResult = attachByHand(world, container);
		runIn(container, ["sh", "-ec", change]);
		const { error } = runPlugin({
			world,
			type: "groups",
			command: "ADD",
			netns: container,
			config: { cniVersion: "1.1.0", name: "n1", type: "groups", prevResult },
		});
		expect(error).toMatchObject({ code: 7, msg: expect.stringContaining(cause) });
	});
});

describe("STATUS of groups", () => {
	const status = () =>
		runPlugin({
			world,
			type: "groups",
			command: "STATUS",
			config: { cniVersion: "1.1.0", name: "n1", type: "groups" },
		});

	it("tries everything and keeps nothing", () => {
		expect(status()).toMatchObject({ exitCode: 0, stdout: "" });
		expect(leftovers(world)).toEqual([]);
	});

	it("says so when the kernel refuses a part of it", () => {
		const chain = "bridge cni_groups forward { type filter hook input priority 0; }";
		runIn(world.host, ["nft", `add table bridge cni_groups; add chain ${chain}`]);
		expect(status().error).toMatchObject({ code: 50, msg: expect.stringMatching(/^Cannot keep groups: .*nftables/) });
	});
});
