import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { createDhcpNetwork, startDaemon } from "../support/dhcp.ts";
import { type ExampleCall, exampleDirectory, listExamples, runExample } from "../support/example.ts";
import { groupsBase } from "../support/groups-base.ts";
import { makeMaster, masterLines } from "../support/master.ts";
import { attempt, jsonIn, type Namespace, type Outcome, runIn } from "../support/namespace.ts";
import { distribution, root } from "../support/paths.ts";
import { ping } from "../support/traffic.ts";
import { createWorld, keptByContract, keptByPortMaps, leftovers, snapshotOf, type World } from "../support/world.ts";

interface Example {
	/** What the first container gets. */
	readonly addresses: readonly string[];
	/** A gateway that answers it. */
	readonly gateway?: string;
	readonly capabilities?: object;
	/** Makes what the configuration expects of the host. */
	readonly prepare?: (world: World) => void;
	/** What else shows that the configuration has its effect. */
	readonly verify?: (container: Namespace, added: Outcome, host: Namespace) => void;
	/** Where CHECK does not exist, the error. */
	readonly checkError?: string;
}

const examples: Readonly<Record<string, Example>> = {
	"10-bridge.conflist": { addresses: ["10.20.0.2/16", "fd00:10:20::2/64"], gateway: "10.20.0.1" },
	"99-loopback.conf": {
		addresses: [],
		verify: (container) => expect(ping(container, "127.0.0.1")).toBe(true),
	},
	"bridge-groups.conflist": {
		addresses: ["10.45.0.2/16", "fd00:10:45::2/64"],
		gateway: "10.45.0.1",
		verify: (_container, _added, host) =>
			expect(runIn(host, ["nft", "list", "table", "bridge", "cni_groups"])).toMatch(
				/net: grouped, [\s\S]*: jump class_/,
			),
	},
	"bridge-bandwidth.conflist": {
		addresses: ["10.31.0.2/16"],
		gateway: "10.31.0.1",
		verify: (_, { stdout }) =>
			expect(JSON.parse(stdout)).toMatchObject({
				interfaces: [{}, {}, { name: "eth0" }, { name: expect.stringMatching(/^bwp[0-9a-f]{12}$/) }],
			}),
	},
	"bridge-l2.conf": {
		addresses: [],
		verify: (container) => expect(interfaceOf(container)).toMatchObject({ operstate: "UP", mtu: 1400 }),
	},
	"bridge-firewall.conflist": {
		addresses: ["10.27.0.2/16", "fd00:10:27::2/64"],
		gateway: "10.27.0.1",
		verify(_container, _added, host) {
			const list = (name: string) => runIn(host, ["nft", "list", "set", "inet", "cni_suite", name]);
			expect(list("forward4")).toContain("10.27.0.2");
			expect(list("forward6")).toContain("fd00:10:27::2");
			expect(list("same_bridge")).toContain('"guarded0" . "guarded0"');
		},
	},
	"bridge-ports.conflist": {
		addresses: ["10.29.0.2/16", "fd00:10:29::2/64"],
		gateway: "10.29.0.1",
		capabilities: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }] },
		verify(_container, _added, host) {
			const mapped = runIn(host, ["nft", "list", "map", "inet", "cni_suite", "any_ports4"]);
			expect(mapped).toMatch(/tcp \. 8080 .*: 10\.29\.0\.2 \. 80/);
		},
	},
	"bridge-sbr.conflist": {
		addresses: ["10.71.0.2/16"],
		gateway: "10.71.0.1",
		verify: (container) => {
			expect(runIn(container, ["ip", "rule", "show"])).toContain("from 10.71.0.2 lookup 100");
			expect(runIn(container, ["ip", "route", "show", "table", "100"])).toContain("default via 10.71.0.1 dev eth0");
		},
	},
	"bridge-static-address.conflist": {
		addresses: ["10.21.0.77/16"],
		gateway: "10.21.0.1",
		capabilities: { ips: ["10.21.0.77"], mac: "02:00:00:00:00:77" },
		verify: (container) => expect(interfaceOf(container)).toMatchObject({ address: "02:00:00:00:00:77" }),
	},
	"bridge-tuning.conflist": {
		addresses: ["10.33.0.2/16"],
		gateway: "10.33.0.1",
		capabilities: { mac: "02:00:00:00:00:33" },
		verify: (container) => {
			expect(interfaceOf(container)).toMatchObject({ address: "02:00:00:00:00:33", mtu: 1400, txqlen: 2000 });
			expect(runIn(container, ["sysctl", "-n", "net.core.somaxconn", "net.ipv4.conf.eth0.arp_filter"])).toBe(
				"1024\n1\n",
			);
		},
	},
	"dhcp.conflist": {
		addresses: ["10.9.0.10/24"],
		gateway: "10.9.0.1",
		prepare(world) {
			const network = createDhcpNetwork(world);
			network.serve({ range: "10.9.0.10,10.9.0.10" });
			network.connect(world.host, "eth0");
			runIn(world.host, ["ip", "link", "set", "eth0", "up"]);
			// Where `runWithOwnState` shows it as /run/cni.
			startDaemon(world, { socketPath: join(world.directory, "run-cni/dhcp.sock") });
		},
	},
	"host-device.conflist": {
		addresses: ["10.72.0.2/16", "fd00:10:72::2/64"],
		gateway: "10.72.0.1",
		prepare({ host }) {
			// Link-local addresses would come some time after the device.
			const quiet = "sysctl -qw net.ipv6.conf.default.addr_gen_mode=1";
			const neighbour = [quiet, "ip link add ens5f0 type veth peer name wire", "ip address add 10.72.0.1/16 dev wire"];
			runIn(host, ["sh", "-ec", [...neighbour, "ip link set wire up"].join("\n")]);
		},
	},
	"host-local-dual-stack.conf": { addresses: ["10.23.0.2/17", "fd00:10:23::2/64"], gateway: "10.23.0.1" },
	"host-local.conf": { addresses: ["10.22.1.0/16"], gateway: "10.22.0.1" },
	"macvlan.conflist": {
		addresses: ["10.54.9.0/16"],
		gateway: "10.54.0.1",
		capabilities: { mac: "02:00:00:00:00:54" },
		prepare(world) {
			const { outside, far } = makeMaster(world, { name: "eth0" });
			runIn(outside, ["ip", "address", "add", "10.54.0.1/16", "dev", far]);
		},
		verify: (container) => expect(interfaceOf(container)).toMatchObject({ address: "02:00:00:00:00:54" }),
	},
	"ptp.conflist": {
		addresses: ["10.37.0.2/24", "fd00:10:37::2/64"],
		gateway: "10.37.0.1",
		verify: (container) => expect(ping(container, "fd00:10:37::1")).toBe(true),
	},
	"static.conflist": {
		addresses: ["10.32.0.10/16", "fd00:10:32::10/64"],
		gateway: "10.32.0.1",
		verify: (_, { stdout }) =>
			expect(JSON.parse(stdout).dns).toEqual({ nameservers: ["10.32.0.1"], search: ["example.org"] }),
	},
	"tap.conflist": {
		addresses: ["10.44.0.2/24"],
		capabilities: { mac: "02:00:00:00:00:44" },
		verify: (container) => expect(interfaceOf(container)).toMatchObject({ address: "02:00:00:00:00:44", mtu: 1400 }),
	},
	"mesos-chain.json": {
		addresses: ["10.25.0.2/16", "fd00:10:25::2/64"],
		gateway: "10.25.0.1",
		checkError: 'configuration version "" does not support the CHECK command',
		verify: (_, { stdout }) =>
			expect(JSON.parse(stdout)).toMatchObject({ ip4: { ip: "10.25.0.2/16" }, ip6: { ip: "fd00:10:25::2/64" } }),
	},
	"mesos-groups.json": {
		addresses: ["10.46.0.2/16", "fd00:10:46::2/64"],
		gateway: "10.46.0.1",
		checkError: 'configuration version "" does not support the CHECK command',
		verify: (_container, _added, host) =>
			expect(runIn(host, ["nft", "list", "table", "bridge", "cni_groups"])).toMatch(
				/net: mesos-grouped, [\s\S]*: jump class_/,
			),
	},
	"mesos-port-mapper.json": {
		addresses: ["10.26.0.2/16"],
		gateway: "10.26.0.1",
		checkError: 'configuration version "" does not support the CHECK command',
		verify: (_, { stdout }) => expect(JSON.parse(stdout)).toMatchObject({ ip4: { ip: "10.26.0.2/16" } }),
	},
	"mesos-bridge.json": {
		addresses: ["10.24.0.2/16"],
		gateway: "10.24.0.1",
		checkError: 'configuration version "" does not support the CHECK command',
		verify: (_, { stdout }) =>
			expect(JSON.parse(stdout)).toMatchObject({ ip4: { ip: "10.24.0.2/16", gateway: "10.24.0.1" } }),
	},
};

/** These need what this kernel may lack, and are attached in User-Mode Linux (test/uml/conf-examples.uml-test.ts). */
const inUserModeLinux = [
	"bridge-vlan.conflist",
	"bridge-vrf.conflist",
	"dummy.conflist",
	"ipvlan.conflist",
	"vlan.conflist",
];

/** Also the table and base chain of the MAC spoof check, which others may use. */
const kept = [
	...keptByContract,
	...keptByPortMaps,
	...groupsBase,
	...masterLines,
	/^\+ nft (table|chain) bridge nat (PREROUTING )?\{/,
];

describe("conf-examples", () => {
	it("has no file without a test", () => {
		expect(listExamples()).toEqual([...Object.keys(examples), ...inUserModeLinux].sort());
	});

	it.each(listExamples())("%s has nothing that cnictl validate finds fault with", (file) => {
		const outcome = attempt([join(distribution, "cnictl"), "validate", join(exampleDirectory, file)]);
		expect(outcome).toMatchObject({ exitCode: 0, stdout: expect.not.stringMatching(/warning|error/), stderr: "" });
	});

	it("has each network name and each bridge once, so that all can stand in one directory", () => {
		const texts = listExamples().map((file) => readFileSync(join(exampleDirectory, file), "utf8"));
		for (const key of ["name", "bridge", "subnet"]) {
			const values = texts.flatMap((text) =>
				Array.from(text.matchAll(new RegExp(`"${key}": "(.*?)"`, "g")), ([, value]) => value),
			);
			expect(values).toEqual([...new Set(values)]);
		}
	});

	it.each(Object.entries(examples))("%s works as it stands", (file, example) => {
		using world = createWorld();
		const container = world.container();
		example.prepare?.(world);
		const call: ExampleCall = { file, container, ...pick(example) };
		const since = snapshotOf(world);
		const added = succeed(runExample(world, "add", call));
		expect(addressesOf(container)).toEqual(example.addresses);
		if (example.gateway !== undefined) expect(ping(container, example.gateway)).toBe(true);
		example.verify?.(container, added, world.host);
		succeed(runExample(world, "status", call));

		const checked = runExample(world, "check", call);
		if (example.checkError === undefined) succeed(checked);
		else expect(checked).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(example.checkError) });

		for (const _ of [1, 2]) succeed(runExample(world, "del", call));
		expect(addressesOf(container)).toEqual([]);
		expect(leftovers(world, { since, except: kept })).toEqual([]);
		expect(reservationsIn(world)).toEqual([]);
	});
});

describe("docs/plugins", () => {
	it.each(readdirSync(join(root, "docs/plugins")))("%s shows examples as they are", (page) => {
		const text = readFileSync(join(root, "docs/plugins", page), "utf8");
		const shown = text.matchAll(/\(\.\.\/\.\.\/conf-examples\/([^)]+)\):\n\n```json\n(.*?)```/gs);
		for (const [, file = "", json] of shown) {
			expect({ file, json }).toEqual({ file, json: readFileSync(join(exampleDirectory, file), "utf8") });
		}
	});
});

function pick({ capabilities }: Example): Pick<ExampleCall, "capabilities"> {
	return capabilities === undefined ? {} : { capabilities };
}

function succeed(outcome: Outcome): Outcome {
	expect(outcome).toMatchObject({ exitCode: 0, stderr: "" });
	return outcome;
}

interface Interface {
	readonly ifname: string;
	readonly addr_info: readonly { readonly local: string; readonly prefixlen: number; readonly scope: string }[];
}

function interfaceOf(container: Namespace): Interface | undefined {
	return jsonIn<Interface[]>(container, ["ip", "-j", "address"]).find(({ ifname }) => ifname === "eth0");
}

function addressesOf(container: Namespace): string[] {
	const addresses = interfaceOf(container)?.addr_info.filter(({ scope }) => scope === "global") ?? [];
	return addresses.map(({ local, prefixlen }) => `${local}/${prefixlen}`);
}

/** Files of host-local that stand for an address. */
function reservationsIn(world: World): string[] {
	const names = readdirSync(join(world.directory, "state"), { recursive: true, encoding: "utf8" });
	return names.filter((name) => /networks\/[^./]+\/[0-9a-f]+[.:]/.test(name));
}
