import { describe, expect, it } from "@jest/globals";
import { attemptIn, deleteNamespace, type Namespace, runIn } from "../support/namespace.ts";
import { type Command, type PluginOutcome, runPlugin } from "../support/run-plugin.ts";
import { createWorld, leftovers, snapshotOf, type World } from "../support/world.ts";
import { ifbName, limitedAttachment, redirections, shownQdiscs } from "./bandwidth-network.ts";
import { type Config, kept, shownLink, shownLinks } from "./bridge-network.ts";
import { bridgeMember, chainNetwork, keptByChain } from "./chain-network.ts";

const versions = ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];

/** The situation of the reference's tests: a pair made by hand, its names in prevResult. */
function byHand(world: World, changes: Config = {}) {
	const container = world.container();
	runIn(
		world.host,
		"ip link add host-veth mtu 1024 type veth peer name container-veth netns".split(" ").concat(container.name),
	);
	runIn(world.host, ["ip", "link", "set", "host-veth", "up"]);
	runIn(container, ["ip", "link", "set", "container-veth", "up"]);
	const interfaces = [{ name: "host-veth" }, { name: "container-veth", sandbox: container.path }];
	const run = (command: Command, more: Config = {}): PluginOutcome =>
		runPlugin({
			world,
			type: "bandwidth",
			command,
			netns: container,
			ifName: "container-veth",
			containerId: "dummy",
			config: {
				cniVersion: "1.0.0",
				name: "cni-plugin-bandwidth-test",
				type: "bandwidth",
				prevResult: { cniVersion: "1.0.0", interfaces, ips: [], routes: [] },
				...changes,
				...more,
			},
		});
	return { container, interfaces, run };
}

const ifb = "bwpa8eda89404b7";
const interfacesOf = ({ json }: PluginOutcome) =>
	(json as { interfaces: { name: string; sandbox?: string; mac?: string }[] }).interfaces;
/** Rate in bytes/s, and handle, of the token buckets at the root. */
const bucketsOf = (namespace: Namespace, dev: string) =>
	shownQdiscs(namespace, dev)
		.filter(({ kind }) => kind === "tbf")
		.map(({ handle, options }) => [handle, options.rate]);

describe.each(versions)("the reference's cases, version %s", (cniVersion) => {
	const inVersion = (interfaces: readonly object[]) => ({ cniVersion, interfaces });

	it("limits both directions, and names the ifb device last", () => {
		using world = createWorld();
		const { interfaces, run } = byHand(world);
		const limits = { ingressRate: 8, ingressBurst: 8, egressRate: 16, egressBurst: 8 };
		const added = run("ADD", { ...limits, cniVersion, prevResult: inVersion(interfaces) });
		expect(interfacesOf(added).map(({ name, sandbox }) => [name, sandbox])).toEqual([
			["host-veth", undefined],
			["container-veth", interfaces[1]?.sandbox],
			[ifb, undefined],
		]);
		expect(interfacesOf(added)[2]?.mac).toBe(shownLink(world.host, ifb).address);
		expect(shownLink(world.host, ifb)).toMatchObject({ mtu: 1024, flags: expect.arrayContaining(["UP"]) });
		expect(bucketsOf(world.host, "host-veth")).toEqual([["1:", 1]]);
		expect(bucketsOf(world.host, ifb)).toEqual([["1:", 2]]);
		expect(shownQdiscs(world.host, "host-veth").map(({ kind }) => kind)).toEqual(["tbf", "ingress"]);
		expect(redirections(world.host, "host-veth")).toEqual([ifb]);
	});

	it("takes the runtime's limits", () => {
		using world = createWorld();
		const { interfaces, run } = byHand(world);
		const bandWidth = { ingressRate: 8, ingressBurst: 8, egressRate: 16, egressBurst: 9 };
		run("ADD", { runtimeConfig: { bandWidth }, cniVersion, prevResult: inVersion(interfaces) });
		expect([bucketsOf(world.host, "host-veth"), bucketsOf(world.host, ifb)]).toEqual([[["1:", 1]], [["1:", 2]]]);
	});
});

describe("bandwidth ADD", () => {
	it("without ingress limits nothing towards the container", () => {
		using world = createWorld();
		const { run } = byHand(world);
		run("ADD", { ingressRate: 0, ingressBurst: 0, egressRate: 8000, egressBurst: 80 });
		expect(shownLink(world.host, ifb).mtu).toBe(1024);
		expect(shownQdiscs(world.host, "host-veth").map(({ kind }) => kind)).toEqual(["noqueue", "ingress"]);
	});

	it("without egress makes no ifb device", () => {
		using world = createWorld();
		const { run } = byHand(world);
		const added = run("ADD", { egressRate: 0, egressBurst: 0, ingressRate: 8000, ingressBurst: 80 });
		expect(interfacesOf(added)).toHaveLength(2);
		expect(shownLinks(world.host).map(({ ifname }) => ifname)).not.toContain(ifb);
		expect(shownQdiscs(world.host, "host-veth").map(({ kind }) => kind)).toEqual(["tbf"]);
	});

	it("without any limit hands prevResult on", () => {
		using world = createWorld();
		const { interfaces, run } = byHand(world);
		const before = snapshotOf(world);
		const { json } = run("ADD", {
			prevResult: { cniVersion: "1.0.0", interfaces, ips: [{ address: "10.1.2.3/24", interface: 1 }] },
		});
		expect(json).toMatchObject({ interfaces, ips: [{ address: "10.1.2.3/24", interface: 1 }] });
		expect(leftovers(world, { since: before })).toEqual([]);
	});

	it("finds the host's end among other interfaces", () => {
		using world = createWorld();
		const { interfaces, run } = byHand(world);
		runIn(world.host, "ip link add extra1 type veth peer name extra2".split(" "));
		const added = run("ADD", {
			...{ ingressRate: 8, ingressBurst: 8, egressRate: 16, egressBurst: 8 },
			prevResult: { cniVersion: "1.0.0", interfaces: [{ name: "extra1" }, { name: "extra2" }, ...interfaces] },
		});
		expect(interfacesOf(added).map(({ name }) => name)).toEqual([
			"extra1",
			"extra2",
			"host-veth",
			"container-veth",
			ifb,
		]);
		expect(bucketsOf(world.host, "host-veth")).toEqual([["1:", 1]]);
		expect(bucketsOf(world.host, "extra1")).toEqual([]);
	});

	it.each<[string, Config, string]>([
		[
			"half a limit",
			{ ingressRate: 0, ingressBurst: 123, egressRate: 123, egressBurst: 123 },
			"if burst is set, rate must also be set",
		],
		[
			"half a limit, whatever the runtime says",
			{ ingressRate: 8, runtimeConfig: { bandwidth: { ingressRate: 8, ingressBurst: 8 } } },
			"if rate is set, burst must also be set",
		],
		["no prevResult", { prevResult: undefined, ingressRate: 8, ingressBurst: 8 }, "must be called as chained plugin"],
		["no prevResult and no limit", { prevResult: undefined }, "must be called as chained plugin"],
		[
			"a rate of less than a byte",
			{ ingressRate: 7, ingressBurst: 80 },
			'"ingressRate" must be 8 or more, or 0, not 7',
		],
		["a negative rate", { ingressRate: -8, ingressBurst: 80 }, '"ingressRate" must be an integer of 0 or more'],
		[
			"no interfaces",
			{ ingressRate: 8, ingressBurst: 8, prevResult: { cniVersion: "1.0.0" } },
			"no interfaces provided",
		],
		[
			"another interface's name",
			{
				ingressRate: 8,
				ingressBurst: 8,
				prevResult: { cniVersion: "1.0.0", interfaces: [{ name: "host-veth-fake" }] },
			},
			"no veth peer of container interface found in host ns",
		],
	])("refuses %s, and changes nothing", (_, changes, message) => {
		using world = createWorld();
		const { run } = byHand(world);
		const before = snapshotOf(world);
		expect(run("ADD", changes).error).toMatchObject({ msg: expect.stringContaining(message) });
		expect(leftovers(world, { since: before })).toEqual([]);
	});

	it("refuses an interface that is no veth, and one that is not there", () => {
		using world = createWorld();
		const { container, run } = byHand(world);
		runIn(container, "ip link set container-veth name lower".split(" "));
		expect(run("ADD", { ingressRate: 8, ingressBurst: 8 }).error?.msg).toBe(
			"container interface container-veth has no veth peer: Link not found",
		);
		runIn(container, "ip link add link lower name container-veth type macvlan".split(" "));
		expect(run("ADD", { ingressRate: 8, ingressBurst: 8 }).error?.msg).toBe(
			"container interface container-veth has no veth peer: not a veth interface",
		);
	});

	it("refuses a veth whose peer is elsewhere, also when another link of the host has its index", () => {
		using world = createWorld();
		const { container, run } = byHand(world);
		const elsewhere = world.container();
		runIn(world.host, ["ip", "link", "set", "host-veth", "netns", elsewhere.name]);
		expect(run("ADD", { ingressRate: 8, ingressBurst: 8 }).error?.msg).toMatch(
			/^veth peer with index \d+ is not in host ns$/,
		);
		const { link_index } = shownLink(container, "container-veth");
		runIn(world.host, `ip link add host-veth index ${link_index} type veth peer name other`.split(" "));
		expect(run("ADD", { ingressRate: 8, ingressBurst: 8 }).error?.msg).toMatch(
			/^veth peer with index \d+ is not in host ns$/,
		);
	});

	it("again takes the new limits, and mends what is missing", () => {
		using world = createWorld();
		const { run } = byHand(world);
		const limits = { ingressRate: 8000, ingressBurst: 8000, egressRate: 16_000, egressBurst: 8000 };
		run("ADD", limits);
		expect(run("ADD", { ...limits, ingressRate: 80_000, egressRate: 160_000 }).exitCode).toBe(0);
		expect([bucketsOf(world.host, "host-veth"), bucketsOf(world.host, ifb)]).toEqual([
			[["1:", 10_000]],
			[["1:", 20_000]],
		]);
		expect(redirections(world.host, "host-veth")).toEqual([ifb]);
		runIn(world.host, ["ip", "link", "del", ifb]);
		expect(run("ADD", limits).exitCode).toBe(0);
		expect(redirections(world.host, "host-veth")).toEqual([ifb]);
		expect(run("CHECK", limits).exitCode).toBe(0);
	});

	it("names bursts that let no full packet through", () => {
		using world = createWorld();
		const { run } = byHand(world);
		const { stderr } = run("ADD", { ingressRate: 8000, ingressBurst: 8000 });
		expect(stderr).toContain('"ingressBurst" of 8000 bits is less than a full packet (8304 bits)');
	});

	it("has the kernel hold rates and bursts of any size, and CHECK finds them", () => {
		using world = createWorld();
		const { run } = byHand(world);
		const most = 4 * 1024 ** 3 * 8 - 16;
		for (const [rate, burst] of [
			[2 ** 63, most],
			[2 ** 53, 8],
			[40_000_000_000, 12_112],
			[10_000_000_000, 12_112],
			[8, most],
			[1_000_000, 2_147_483_647],
			[333_333, 99_999],
			[1_000_000_007, 123_456_789],
		]) {
			const limits = { ingressRate: rate, ingressBurst: burst, egressRate: rate, egressBurst: burst };
			expect([rate, burst, run("ADD", limits).error]).toEqual([rate, burst, undefined]);
			expect([rate, burst, run("CHECK", limits).error]).toEqual([rate, burst, undefined]);
		}
	});
});

describe("two interfaces of one container on one network", () => {
	const limits = { egressRate: 8_000_000, egressBurst: 800_000 };

	it("have an ifb device each, and each its own limits", () => {
		using world = createWorld();
		const first = limitedAttachment(world, { limits });
		const second = limitedAttachment(world, { limits, ifName: "eth1", container: first.container });
		expect(first.add().interfaces.at(-1)?.name).toBe(ifbName("n1container-1"));
		expect(second.add().interfaces.at(-1)?.name).toBe(ifbName("n1container-1/eth1"));
		first.must("CHECK");
		second.must("CHECK");
		first.must("DEL");
		second.must("CHECK");
		expect(first.must("ADD")?.interfaces.at(-1)?.name).toBe(ifbName("n1container-1"));
		second.remove();
		first.must("CHECK");
		first.remove();
		expect(leftovers(world, { except: kept })).toEqual([]);
	});
});

describe("bandwidth DEL", () => {
	const limits = { ingressRate: 8_000_000, ingressBurst: 800_000, egressRate: 8_000_000, egressBurst: 800_000 };

	it.each<[string, (one: ReturnType<typeof limitedAttachment>) => void]>([
		["as a runtime does it", (one) => one.must("DEL")],
		[
			"without prevResult, with a configuration that has no limits any more",
			(one) => one.must("DEL", { config: bare }),
		],
		["with limits that are wrong", (one) => one.must("DEL", { config: { ...bare, ingressRate: 5, egressBurst: "x" } })],
		["without the namespace", (one) => one.must("DEL", { config: bare, netns: undefined })],
	])("takes everything off the interface: %s", (_, remove) => {
		using world = createWorld();
		const one = limitedAttachment(world, { limits });
		one.bridge.add();
		const before = snapshotOf(world);
		one.must("ADD");
		remove(one);
		expect(leftovers(world, { since: before })).toEqual([]);
	});

	const bare = { cniVersion: "1.1.0", name: "n1", type: "bandwidth" };

	it("leaves disciplines and filters that are not of its making", () => {
		using world = createWorld();
		const { run } = byHand(world);
		const tc = (command: string) => runIn(world.host, ["tc", ...command.split(" ")]);
		tc("qdisc add dev host-veth root handle 2: bfifo limit 10000");
		tc("qdisc add dev host-veth handle ffff: ingress");
		tc("filter add dev host-veth parent ffff: protocol ip prio 5 u32 match u32 0 0 flowid 1:2");
		const before = snapshotOf(world);
		expect(run("DEL").exitCode).toBe(0);
		expect(leftovers(world, { since: before })).toEqual([]);
		expect(attemptIn(world.host, ["tc", "filter", "show", "dev", "host-veth", "parent", "ffff:"]).stdout).toContain(
			"pref 5",
		);
	});
});

describe("bandwidth GC", () => {
	const limits = { ingressRate: 8_000_000, ingressBurst: 800_000, egressRate: 8_000_000, egressBurst: 800_000 };
	const gc = (world: World, containerIds: readonly string[]) =>
		runPlugin({
			world,
			type: "bandwidth",
			command: "GC",
			config: {
				cniVersion: "1.1.0",
				name: "n1",
				type: "bandwidth",
				"cni.dev/valid-attachments": containerIds.map((containerID) => ({ containerID, ifname: "eth0" })),
			},
		});

	it("removes the ifb devices of containers that are gone, and takes limits off stale ones that are not", () => {
		using world = createWorld();
		const [gone, stale, valid] = ["gone", "stale", "valid"].map((containerId) =>
			limitedAttachment(world, { limits, containerId }),
		);
		for (const one of [gone, stale, valid]) one?.add();
		if (gone !== undefined) deleteNamespace(gone.container);
		expect(gc(world, ["valid"]).exitCode).toBe(0);
		expect(
			shownLinks(world.host)
				.filter(({ linkinfo }) => linkinfo?.info_kind === "ifb")
				.map(({ ifname }) => ifname),
		).toEqual([ifbName("n1valid")]);
		expect(shownQdiscs(world.host, stale?.port ?? "").map(({ kind }) => kind)).toEqual(["noqueue"]);
		valid?.must("CHECK");
	});
});

describe("bandwidth STATUS", () => {
	it("leaves nothing, whatever loopback has", () => {
		using world = createWorld();
		const status = () =>
			runPlugin({
				world,
				type: "bandwidth",
				command: "STATUS",
				config: { cniVersion: "1.1.0", name: "n1", type: "bandwidth" },
			});
		for (const discipline of ["", "root handle 1: tbf rate 8mbit burst 100000 limit 125000", "handle ffff: ingress"]) {
			if (discipline !== "") runIn(world.host, `tc qdisc add dev lo ${discipline}`.split(" "));
			const before = snapshotOf(world);
			expect(status()).toMatchObject({ exitCode: 0, stdout: "", stderr: "" });
			expect(leftovers(world, { since: before })).toEqual([]);
		}
	});

	it("says so when the configuration is wrong", () => {
		using world = createWorld();
		const config = { cniVersion: "1.1.0", name: "n1", type: "bandwidth", ingressRate: 8 };
		expect(runPlugin({ world, type: "bandwidth", command: "STATUS", config }).error?.msg).toBe(
			"if rate is set, burst must also be set",
		);
	});
});

describe("a task of Mesos, in a chain", () => {
	const labelKeys = { egressRate: "net.out", ingressRate: "net.in" };
	const chainOf = (world: World) =>
		chainNetwork(world, {
			plugins: [bridgeMember(world), { type: "bandwidth", egressRate: 50_000_000, egressBurst: 5_000_000, labelKeys }],
		});
	const task = (...labels: readonly (readonly [string, string])[]) => ({
		args: {
			"org.apache.mesos": { network_info: { labels: { labels: labels.map(([key, value]) => ({ key, value })) } } },
		},
	});
	const portOf = (world: World) => shownLinks(world.host).find(({ ifname }) => ifname.startsWith("veth"))?.ifname ?? "";

	it("has the limits of its labels, and DEL without them takes all back", () => {
		using world = createWorld();
		const chain = chainOf(world);
		const netns = world.container();
		const added = chain.run("ADD", {
			netns,
			with: task(["net.out", "8000000"], ["net.in", "16000000"], ["other", "x"]),
		});
		expect(added.json).toMatchObject({ ip4: { ip: "10.1.2.2/24" } });
		expect(bucketsOf(world.host, portOf(world))).toEqual([["1:", 2_000_000]]);
		expect(bucketsOf(world.host, ifbName("n1container-1"))).toEqual([["1:", 1_000_000]]);
		expect(chain.run("DEL", { netns }).exitCode).toBe(0);
		expect(leftovers(world, { except: keptByChain })).toEqual([]);
	});

	it.each([
		["more than the network gives", ["net.out", "50000001"], /the label "?net\.out.*50000000 at most/],
		["what is no number", ["net.in", "fast"], /the label .*net\.in.*is no number of bits/],
	] as const)("is not started when a label asks for %s", (_, label, message) => {
		using world = createWorld();
		const chain = chainOf(world);
		const { exitCode, error } = chain.run("ADD", { netns: world.container(), with: task(label) });
		expect([exitCode, error?.msg]).toEqual([1, expect.stringMatching(message)]);
		expect(leftovers(world, { except: keptByChain })).toEqual([]);
	});
});
