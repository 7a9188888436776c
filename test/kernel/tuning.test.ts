import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { deleteNamespace, type Namespace, runIn } from "../support/namespace.ts";
import { tools } from "../support/paths.ts";
import { type Command, type PluginCall, type PluginOutcome, runPlugin } from "../support/run-plugin.ts";
import { itUnless } from "../support/skip.ts";
import { takeSnapshot } from "../support/snapshot.ts";
import { createWorld, type World } from "../support/world.ts";
import { type Config, shownLink, sysctl } from "./bridge-network.ts";

const itWithStock = itUnless(
	existsSync(join(tools, "tuning")) ? undefined : "the stock plugins are missing: bin/setup --stock",
);

/** An interface made by hand, as in the reference's tests, and what a runtime calls for it. */
function interfaceOf(world: World, base: Config = {}) {
	const container = world.container();
	runIn(container, "ip link add eth0 type veth peer name other".split(" "));
	const dataDir = join(world.directory, "tuning");
	const config = {
		cniVersion: "1.1.0",
		name: "n1",
		type: "tuning",
		dataDir,
		prevResult: {
			cniVersion: "1.1.0",
			interfaces: [
				{ name: "eth0", mac: "02:00:00:00:00:01" },
				{ name: "eth0", mac: "02:00:00:00:00:02", sandbox: container.path },
			],
			ips: [{ address: "10.0.0.2/24", gateway: "10.0.0.1", interface: 1 }],
		},
		...base,
	};
	const run = (command: Command, more: Config = {}, call: Partial<PluginCall> = {}): PluginOutcome =>
		runPlugin({ world, type: "tuning", command, netns: container, config: { ...config, ...more }, ...call });
	const must = (...given: Parameters<typeof run>) => {
		const outcome = run(...given);
		expect([given[0], outcome.exitCode, outcome.stdout && outcome.error]).toEqual([
			given[0],
			0,
			outcome.stdout && undefined,
		]);
		return outcome;
	};
	const backup = join(dataDir, "container-1_eth0.json");
	return { container, config, dataDir, backup, run, must, record: join(dataDir, ".cni-suite/n1/container-1:eth0") };
}

const link = (container: Namespace) => {
	const { address, mtu, promiscuity, txqlen, flags } = shownLink(container, "eth0");
	return { mac: address, mtu, promiscuity, txqlen, allmulti: flags.includes("ALLMULTI") };
};

describe("what tuning sets, CHECK finds and DEL puts back", () => {
	it.each<[string, Config, object, Partial<PluginCall>?]>([
		["promisc", { promisc: true }, { promiscuity: 1 }],
		["promisc of args.cni", { args: { cni: { promisc: true } } }, { promiscuity: 1 }],
		["mtu", { mtu: 1454 }, { mtu: 1454 }],
		["mtu of args.cni", { mtu: 1300, args: { cni: { mtu: 1454 } } }, { mtu: 1454 }],
		["txQLen", { txQLen: 20_000 }, { txqlen: 20_000 }],
		["txQLen 0 of args.cni", { args: { cni: { txQLen: 0 } } }, { txqlen: undefined }],
		["allmulti", { allmulti: true }, { allmulti: true }],
		["allmulti of args.cni", { args: { cni: { allmulti: true } } }, { allmulti: true }],
		["mac", { mac: "c2:11:22:33:44:55" }, { mac: "c2:11:22:33:44:55" }],
		["mac in capitals and with hyphens", { mac: "C2-11-22-33-44-55" }, { mac: "c2:11:22:33:44:55" }],
		[
			"mac of CNI_ARGS",
			{ mac: "c2:11:22:33:44:55" },
			{ mac: "c2:11:22:33:44:66" },
			{ args: "IgnoreUnknown=true;X=1;MAC=c2:11:22:33:44:66" },
		],
		[
			"mac of the runtime",
			{ mac: "c2:11:22:33:44:55", RuntimeConfig: { mac: "c2:11:22:33:44:77" } },
			{ mac: "c2:11:22:33:44:77" },
			{ args: "MAC=c2:11:22:33:44:66" },
		],
		[
			"mac of args.cni",
			{ runtimeConfig: { mac: "c2:11:22:33:44:77" }, args: { cni: { mac: "c2:11:22:33:44:88" } } },
			{ mac: "c2:11:22:33:44:88" },
		],
		[
			"several",
			{ mac: "c2:11:22:33:44:77", promisc: true, mtu: 4000, txQLen: 20_000 },
			{ mac: "c2:11:22:33:44:77", promiscuity: 1, mtu: 4000, txqlen: 20_000 },
		],
	])("%s", (_, settings, expected, call = {}) => {
		using world = createWorld();
		const { container, must, backup, record } = interfaceOf(world, settings);
		const before = takeSnapshot(container);
		const former = link(container);
		must("ADD", {}, call);
		expect(link(container)).toEqual({ ...former, ...expected });
		must("CHECK", {}, call);
		must("DEL");
		expect(link(container)).toEqual(former);
		expect(takeSnapshot(container)).toEqual(before);
		expect([existsSync(backup), existsSync(record)]).toEqual([false, false]);
	});

	it("parameters, of all sources, dotted or slashed", () => {
		using world = createWorld();
		const { container, must, backup, record } = interfaceOf(world, {
			sysctl: {
				"net.ipv4.conf.all.log_martians": "1",
				"net/ipv4/conf/IFNAME/arp_ignore": "2",
				"net.ipv4.tcp_rmem": "4096 8192 16384",
			},
			args: { cni: { sysctl: { "net.ipv4.conf.eth0.arp_ignore": "1" } } },
		});
		const paths = ["conf/all/log_martians", "conf/eth0/arp_ignore", "tcp_rmem"].map((path) => `net/ipv4/${path}`);
		const values = () => paths.map((path) => sysctl(container, path));
		const former = values();
		const { json } = must("ADD");
		expect((json as Config).interfaces).toMatchObject([{ mac: "02:00:00:00:00:01" }, { mac: "02:00:00:00:00:02" }]);
		expect(values()).toEqual(["1", "1", "4096\t8192\t16384"]);
		must("CHECK");
		// As the reference: its file is about links.
		expect(existsSync(backup)).toBe(false);
		must("DEL");
		expect(values()).toEqual(former);
		expect(existsSync(record)).toBe(false);
	});

	it("a parameter of an interface with dots in its name", () => {
		using world = createWorld();
		const { container, must } = interfaceOf(world, { sysctl: { "net.ipv4.conf.IFNAME.log_martians": "1" } });
		runIn(container, ["ip", "link", "set", "eth0", "name", "eth0.5"]);
		must("ADD", {}, { ifName: "eth0.5" });
		expect(sysctl(container, "net/ipv4/conf/eth0.5/log_martians")).toBe("1");
		must("CHECK", {}, { ifName: "eth0.5" });
		must("DEL", {}, { ifName: "eth0.5" });
		expect(sysctl(container, "net/ipv4/conf/eth0.5/log_martians")).toBe("0");
	});

	it("a parameter that can only be written", () => {
		using world = createWorld();
		const { must } = interfaceOf(world, { sysctl: { "net.ipv4.route.flush": "1" } });
		for (const command of ["ADD", "CHECK", "DEL"] as const) must(command);
	});
});

describe("tuning ADD", () => {
	it("reports the hardware address of the container's interface, and of no other", () => {
		using world = createWorld();
		const { must } = interfaceOf(world, { mac: "C2:11:22:33:44:55" });
		expect((must("ADD").json as Config).interfaces).toMatchObject([
			{ name: "eth0", mac: "02:00:00:00:00:01" },
			{ name: "eth0", mac: "c2:11:22:33:44:55" },
		]);
	});

	it("again keeps what was before the first, and adds what only the second changes", () => {
		using world = createWorld();
		const { container, must, backup } = interfaceOf(world);
		const former = link(container);
		must("ADD", { mtu: 1400, sysctl: { "net.ipv4.conf.IFNAME.log_martians": "1" } });
		must("ADD", { mtu: 1300, mac: "c2:11:22:33:44:55", sysctl: { "net.ipv4.conf.IFNAME.log_martians": "1" } });
		expect(JSON.parse(readFileSync(backup, "utf8"))).toEqual({ mac: former.mac, mtu: 1500 });
		must("DEL");
		expect(link(container)).toEqual(former);
		expect(sysctl(container, "net/ipv4/conf/eth0/log_martians")).toBe("0");
	});

	it("does not take what an interface was like that is no more", () => {
		using world = createWorld();
		const { container, must } = interfaceOf(world);
		must("ADD", { mtu: 1400, mac: "c2:11:22:33:44:55" });
		runIn(container, ["ip", "link", "del", "eth0"]);
		runIn(container, "ip link add eth0 mtu 1200 type veth peer name other".split(" "));
		const former = link(container);
		must("ADD", { mtu: 1400, mac: "c2:11:22:33:44:66" });
		must("DEL");
		expect(link(container)).toEqual(former);
	});

	it("keeps files as the reference writes them, in directories that others can use", () => {
		using world = createWorld();
		const { must, backup, dataDir, container } = interfaceOf(world, {
			mac: "c2:11:22:33:44:77",
			promisc: true,
			mtu: 1400,
			allmulti: true,
			txQLen: 5,
		});
		const { mac } = link(container);
		must("ADD");
		expect(readFileSync(backup, "utf8")).toBe(
			`{\n "mac": "${mac}",\n "promisc": false,\n "mtu": 1500,\n "allmulti": false,\n "txQLen": 1000\n}`,
		);
		expect([statSync(backup).mode & 0o777, statSync(dataDir).mode & 0o777]).toEqual([0o600, 0o755]);
	});

	it.each<[string, Config, string]>([
		[
			"a key that is no parameter of the network",
			{ sysctl: { "kernel.IFNAME": "1" } },
			'invalid net sysctl key: "kernel/eth0"',
		],
		["a way out", { sysctl: { "net/../kernel/shmmax": "1" } }, "Cannot set net/kernel/shmmax"],
		[
			"one in an argument of the tenant's",
			{ args: { cni: { sysctl: { "vm.swappiness": "1" } } } },
			"invalid net sysctl key",
		],
		["a missing parameter", { sysctl: { "net.ipv4.no_such": "1" } }, "Cannot set net/ipv4/no_such: open"],
		["no hardware address", { mac: "x" }, "invalid args x for MAC addr: address x: invalid MAC address"],
		["one of eight bytes", { mac: "02:00:00:00:00:07:00:01" }, "invalid MAC address"],
		["one of many", { mac: "01:00:5e:00:00:01" }, "invalid MAC address"],
		["a negative MTU", { mtu: -1 }, '"mtu" must be between 0 and 2147483647, not -1'],
		["a value that is no text", { sysctl: { "net.ipv4.ip_forward": 1 } }, "must be a string"],
		["no prevResult", { mtu: 1400, prevResult: null }, "Required prevResult missing"],
		["unknown CNI_ARGS", { mtu: 1400 }, "ARGS: unknown args"],
	])("refuses %s, and changes nothing", (title, changes, message) => {
		using world = createWorld();
		const { container, run, dataDir } = interfaceOf(world);
		const before = takeSnapshot(container, { directories: [dataDir] });
		const call = title === "unknown CNI_ARGS" ? { args: "K8S_POD_NAME=x" } : {};
		expect(run("ADD", changes, call).error?.msg).toContain(message);
		expect(takeSnapshot(container, { directories: [dataDir] }).difference(before).size).toBeLessThanOrEqual(3);
		expect(link(container)).toEqual(link(container));
	});

	it.each(["ADD", "CHECK"] as const)("%s refuses a key that the text has twice", (command) => {
		using world = createWorld();
		const { config, run } = interfaceOf(world);
		const key = '"net.ipv4.conf.all.log_martians"';
		for (const sysctls of [`"sysctl":{${key}:"1",${key}:"1"}`, `"sysctl":{${key}:"1"},"SYSCTL":{${key}:"1"}`]) {
			const text = `${JSON.stringify(config).slice(0, -1)},${sysctls}}`;
			expect(run(command, {}, { config: text }).error?.msg).toBe("duplicated sysctl keys are not allowed");
		}
	});

	it("says that the interface is missing", () => {
		using world = createWorld();
		const { run } = interfaceOf(world, { mtu: 1400 });
		expect(run("ADD", {}, { ifName: "eth7" }).error?.msg).toBe('failed to get "eth7": Link not found');
	});
});

describe("the operator's list of allowed parameters", () => {
	const sysctls = { sysctl: { "net.ipv4.conf.all.log_martians": "1" } };

	/** With /etc of the test's own: the file's place is fixed. */
	function withList(world: World, list: string | undefined) {
		const etc = join(world.directory, "etc");
		mkdirSync(join(etc, "cni/tuning"), { recursive: true });
		if (list !== undefined) writeFileSync(join(etc, "cni/tuning/allowlist.conf"), list);
		return { wrapper: ["/usr/bin/unshare", "-m", "/bin/sh", "-c", 'mount --bind "$0" /etc && exec "$@"', etc] };
	}

	it.each<[string, string | undefined, boolean]>([
		["none", undefined, true],
		["an empty one", "", false],
		["a line that matches", "^net\\.ipv4\\.conf\\.all\\.[a-z_]*$\n", true],
		["a line that does not", "^net\\.ipv4\\.conf\\.other\\.[a-z_]*$\n", false],
		["a second line that matches somewhere", "  x  \n\n  conf\\.all  \n", true],
		["what RE2 alone writes so", "(?i)\\ANET\\..*martians\\z", true],
	])("%s", (_, list, allowed) => {
		using world = createWorld();
		const { run, must } = interfaceOf(world, sysctls);
		const call = withList(world, list);
		const { exitCode, error } = run("ADD", {}, call);
		if (allowed) expect(exitCode).toBe(0);
		else
			expect(error?.msg).toMatch(
				/^Sysctl net\.ipv4\.conf\.all\.log_martians is not allowed\. Only the following sysctls are allowed: \[/,
			);
		must("DEL", {}, call);
	});

	it("that cannot be understood allows nothing, and STATUS says so too", () => {
		using world = createWorld();
		const { run } = interfaceOf(world, sysctls);
		for (const command of ["ADD", "STATUS"] as const) {
			expect(run(command, {}, withList(world, "(")).error?.msg).toMatch(
				/^Cannot use "\(" of \/etc\/cni\/tuning\/allowlist.conf: /,
			);
		}
	});
});

describe("tuning DEL", () => {
	const settings = { mtu: 1400, mac: "c2:11:22:33:44:55", sysctl: { "net.ipv4.conf.all.log_martians": "1" } };

	it.each<[string, Config, Partial<PluginCall>]>([
		[
			"without prevResult and settings",
			{ prevResult: undefined, mtu: undefined, mac: undefined, sysctl: undefined },
			{},
		],
		["with settings that are wrong", { mtu: "x", mac: "x", sysctl: { "kernel.x": 1 } }, { args: "K8S_POD_NAME=x" }],
		["without the namespace, which is there", {}, { netns: undefined }],
	])("puts everything back %s", (_, changes, call) => {
		using world = createWorld();
		const { container, must, backup, record } = interfaceOf(world);
		const former = link(container);
		must("ADD", settings);
		must("DEL", { ...settings, ...changes }, call);
		expect([link(container), sysctl(container, "net/ipv4/conf/all/log_martians")]).toEqual([former, "0"]);
		expect([existsSync(backup), existsSync(record)]).toEqual([false, false]);
	});

	it("forgets an interface, and a namespace, that is gone", () => {
		using world = createWorld();
		const { container, must, backup, record } = interfaceOf(world, settings);
		must("ADD");
		runIn(container, ["ip", "link", "del", "eth0"]);
		must("DEL");
		expect([existsSync(backup), existsSync(record)]).toEqual([false, false]);
		expect(sysctl(container, "net/ipv4/conf/all/log_martians")).toBe("0");
	});

	it("succeeds with files that cannot be read", () => {
		using world = createWorld();
		const { must, backup, record } = interfaceOf(world, settings);
		must("ADD");
		for (const text of ["", "{", "[]", "null", '{"mtu":"x","mac":5}']) {
			writeFileSync(backup, text);
			writeFileSync(record, text);
			must("DEL");
			must("ADD");
		}
	});
});

describe("tuning GC", () => {
	it("puts back what belongs to no valid attachment, and leaves the others and other networks alone", () => {
		using world = createWorld();
		const { dataDir, container, must, run, backup } = interfaceOf(world, { mtu: 1400 });
		const second = world.container();
		runIn(second, "ip link add eth0 type veth peer name other".split(" "));
		must("ADD");
		must("ADD", {}, { containerId: "gone", netns: second });
		must("ADD", { name: "n2" }, { containerId: "other", netns: second });
		deleteNamespace(second);
		const valid = (ids: readonly string[]) => ({
			"cni.dev/valid-attachments": ids.map((containerID) => ({ containerID, ifname: "eth0" })),
		});
		expect(run("GC", valid(["container-1"]), { netns: undefined }).exitCode).toBe(0);
		expect(["gone", "other", "container-1"].map((id) => existsSync(join(dataDir, `${id}_eth0.json`)))).toEqual([
			false,
			true,
			true,
		]);
		expect(link(container).mtu).toBe(1400);
		expect(run("GC", valid([]), { netns: undefined }).exitCode).toBe(0);
		expect([existsSync(backup), link(container).mtu]).toEqual([false, 1500]);
	});
});

describe("a host that changes suites", () => {
	const settings = { mtu: 1400, mac: "c2:11:22:33:44:55", promisc: true, allmulti: true, txQLen: 500 };

	for (const [from, to] of [
		["the reference", "ours"],
		["ours", "the reference"],
	] as const) {
		itWithStock(`has what ${from} changed checked and put back by ${to}`, () => {
			using world = createWorld();
			const { container, must } = interfaceOf(world, settings);
			const of = (suite: string) => (suite === "ours" ? {} : { cniPath: tools });
			const former = link(container);
			must("ADD", {}, of(from));
			must("CHECK", {}, of(to));
			must("DEL", {}, of(to));
			expect(link(container)).toEqual(former);
		});
	}

	itWithStock("keeps what was before the reference's ADD in a second one of ours", () => {
		using world = createWorld();
		const { container, must } = interfaceOf(world, settings);
		const former = link(container);
		must("ADD", {}, { cniPath: tools });
		must("ADD");
		must("DEL");
		expect(link(container)).toEqual(former);
	});
});
