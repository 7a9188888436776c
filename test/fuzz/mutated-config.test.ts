import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { Namespace } from "../support/namespace.ts";
import { type Command, type PluginOutcome, runPlugin } from "../support/run-plugin.ts";
import {
	createWorld,
	keptByContract,
	keptByFirewall,
	keptByPortMaps,
	leftovers,
	type World,
} from "../support/world.ts";

type Json = Record<string, unknown>;

/** Rich, so that a mutation is likely to hit something that is read. */
const configs: Readonly<Record<string, (world: World) => Json>> = {
	loopback: () => ({ dns: { nameservers: ["10.0.0.1"] }, capabilities: { x: true } }),
	"host-local": ({ dataDir }) => ({
		ipam: {
			type: "host-local",
			dataDir,
			ranges: [[{ subnet: "10.60.0.0/28", rangeStart: "10.60.0.3", gateway: "10.60.0.1" }], [{ subnet: "fd60::/64" }]],
			routes: [{ dst: "0.0.0.0/0", gw: "10.60.0.1", mtu: 1400, table: 0 }],
		},
		args: { cni: { ips: ["10.60.0.5"] } },
		runtimeConfig: { ips: [] },
	}),
	bandwidth: () => ({
		ingressRate: 8_000_000,
		ingressBurst: 800_000,
		egressRate: 8_000_000,
		egressBurst: 800_000,
		labelKeys: { ingressRate: "in", egressBurst: "out" },
		args: { "org.apache.mesos": { network_info: { labels: { labels: [{ key: "in", value: "8000" }] } } } },
		runtimeConfig: { bandwidth: { ingressRate: 8, ingressBurst: 8 } },
		prevResult: { cniVersion: "1.1.0", interfaces: [{ name: "veth0" }], ips: [{ address: "10.60.0.2/24" }] },
	}),
	static: () => ({
		ipam: {
			type: "static",
			addresses: [{ address: "10.60.0.5/24", gateway: "10.60.0.1" }],
			routes: [{ dst: "0.0.0.0/0", gw: "10.60.0.1", mtu: 1400, table: 0 }],
			dns: { nameservers: ["10.60.0.1"] },
		},
		args: { cni: { ips: ["10.60.0.6/24"] } },
		runtimeConfig: { ips: ["10.60.0.7/24"] },
	}),
	macvlan: ({ dataDir }) => ({
		master: "lo",
		mode: "bridge",
		mtu: 1400,
		mac: "02:00:00:00:00:61",
		bcqueuelen: 100,
		linkInContainer: false,
		ipam: { type: "host-local", dataDir, subnet: "10.63.0.0/24", routes: [{ dst: "0.0.0.0/0" }] },
		dns: { nameservers: ["10.0.0.1"] },
		runtimeConfig: { mac: "02:00:00:00:00:62" },
	}),
	tuning: ({ dataDir }) => ({
		dataDir,
		sysctl: { "net.ipv4.conf.IFNAME.log_martians": "1", "net.ipv4.tcp_rmem": "4096 8192 16384" },
		mtu: 1400,
		txQLen: 500,
		args: { cni: { mac: "02:00:00:00:00:61", sysctl: { "net.core.somaxconn": "1000" } } },
		prevResult: {
			cniVersion: "1.1.0",
			interfaces: [{ name: "eth0", sandbox: "x" }],
			ips: [{ address: "10.60.0.2/24" }],
		},
	}),
	bridge: ({ dataDir }) => ({
		bridge: "cst-fuzz",
		isGateway: true,
		ipMasq: true,
		mtu: 1400,
		hairpinMode: true,
		macspoofchk: true,
		vlanTrunk: [],
		ipam: { type: "host-local", dataDir, subnet: "10.61.0.0/24", routes: [{ dst: "10.9.0.0/16" }] },
		dns: { nameservers: ["10.0.0.1"], search: ["x"] },
		args: { cni: { mac: "02:00:00:00:00:61" } },
		prevResult: undefined,
	}),
	tap: ({ dataDir }) => ({
		owner: 1000,
		group: 1000,
		multiQueue: true,
		mtu: 1400,
		mac: "02:00:00:00:00:64",
		ipam: { type: "host-local", dataDir, subnet: "10.64.0.0/24", routes: [{ dst: "10.9.0.0/16" }] },
		dns: { nameservers: ["10.0.0.1"], search: ["x"] },
		runtimeConfig: { mac: "02:00:00:00:00:65" },
	}),
	ptp: ({ dataDir }) => ({
		ipMasq: true,
		mtu: 1400,
		ipam: { type: "host-local", dataDir, subnet: "10.63.0.0/24", routes: [{ dst: "10.9.0.0/16" }] },
		dns: { nameservers: ["10.0.0.1"], search: ["x"] },
	}),
	portmap: () => ({
		backend: "nftables",
		snat: true,
		masqAll: false,
		markMasqBit: 13,
		capabilities: { portMappings: true },
		runtimeConfig: {
			portMappings: [
				{ hostPort: 8080, containerPort: 80, protocol: "tcp", hostIP: "192.0.2.1" },
				{ hostPort: 53, containerPort: 5353, protocol: "udp" },
			],
		},
		prevResult: {
			interfaces: [{ name: "eth0", sandbox: "/run/netns/x" }],
			ips: [
				{ address: "10.62.0.2/24", interface: 0 },
				{ address: "fd62::2/64", interface: 0 },
			],
		},
	}),
	firewall: () => ({
		backend: "nftables",
		iptablesAdminChainName: "MY-RULES",
		firewalldZone: "trusted",
		ingressPolicy: "isolated",
		prevResult: {
			interfaces: [{ name: "br0" }, { name: "veth1" }, { name: "eth0", sandbox: "/run/netns/c" }],
			ips: [{ interface: 2, address: "10.62.0.2/24" }, { address: "fd62::2/64" }],
		},
	}),
};

/** What an attacker, a typo or another tool may have put there. */
const value = fc.oneof(
	fc.constantFrom<unknown>(
		null,
		true,
		"",
		0,
		-1,
		Number.POSITIVE_INFINITY,
		2 ** 53,
		[],
		{},
		[[]],
		[null],
		"%d",
		"a/b",
		"../..",
		"\0",
	),
	fc.constantFrom<unknown>(
		"10.0.0.0/33",
		"::/0",
		"999.1.1.1",
		"0x7f.1",
		"fe80::1%eth0",
		"10.61.0.1/24",
		"x".repeat(5000),
	),
	fc.jsonValue({ maxDepth: 2 }),
);

/** Which member of the document, counted in depth-first order, and what becomes of it. */
const mutation = fc.record({ place: fc.nat(60), value, remove: fc.boolean() });

/** Where a wrong value would make the plugin write to, or read from, the machine's own files. */
const untouchable = ["dataDir", "resolvConf", "name", "cniVersion"];

function mutate(
	document: Json,
	{ place, value: replacement, remove }: { place: number; value: unknown; remove: boolean },
): Json {
	const copy = structuredClone(document);
	const members: [Json, string][] = [];
	const visit = (node: unknown) => {
		if (typeof node !== "object" || node === null) return;
		for (const [key, child] of Object.entries(node)) {
			if (untouchable.includes(key)) continue;
			members.push([node as Json, key]);
			visit(child);
		}
	};
	visit(copy);
	const [parent, key] = members[place % members.length] ?? [copy, "x"];
	// Without ipam, host-local's dataDir would be the machine's own.
	if (key === "ipam" && JSON.stringify(document).includes('"type":"host-local"')) return copy;
	if (remove) delete parent[key];
	else parent[key] = replacement;
	return copy;
}

describe.each(Object.keys(configs))("%s with a configuration that was tampered with", (type) => {
	let world: World;
	let container: Namespace;

	beforeAll(() => {
		world = createWorld();
		container = world.container();
	});
	afterAll(() => {
		world.dispose();
	});

	function run(command: Command, config: Json): PluginOutcome {
		return runPlugin({ world, type, command, config, netns: container, timeoutMs: 10_000 });
	}

	test("answers in the form of the protocol, and DEL with the good one takes everything back", () => {
		const good = { cniVersion: "1.1.0", name: "fuzz", type, ...configs[type]?.(world) };
		fc.assert(
			fc.property(fc.array(mutation, { minLength: 1, maxLength: 2 }), (mutations) => {
				const bad = mutations.reduce<Json>(mutate, good);
				const added = run("ADD", bad);
				expectProtocol(added);
				const prevResult = added.exitCode === 0 ? added.json : { cniVersion: "1.1.0" };
				expectProtocol(run("CHECK", { ...bad, prevResult }));
				expectProtocol(run("STATUS", bad));
				expectProtocol(run("DEL", { ...bad, prevResult }));
				expect(run("DEL", good)).toMatchObject({ exitCode: 0, stdout: "" });
				expect(leftovers(world, { except: mayStay })).toEqual([]);
			}),
			{ numRuns: 40, interruptAfterTimeLimit: 20_000 },
		);
	});
});

const mayStay: readonly RegExp[] = [
	...keptByContract,
	...keptByPortMaps,
	...keptByFirewall,
	/^\+ nft (table bridge nat|chain bridge nat PREROUTING) /,
	/^\+ file \.cni-suite\//,
	// Bridges, also those of a name that the mutation chose.
	/^\+ link /,
];

/** Words of JavaScript and of its runtime, which mean nothing to an operator. */
const leaked = /undefined|is not a function|Cannot read prop|Error: |ERR_|\bat \S+:\d+|\[object/;

function expectProtocol({ exitCode, signal, stdout, stderr }: PluginOutcome): void {
	expect([signal, [0, 1].includes(exitCode ?? -1)]).toEqual([null, true]);
	expect(stderr).not.toMatch(leaked);
	if (exitCode === 0 && stdout === "") return;
	const answer = JSON.parse(stdout) as Json;
	if (exitCode === 0) {
		expect(answer.cniVersion).toBe("1.1.0");
		return;
	}
	expect(answer).toMatchObject({ code: expect.any(Number), msg: expect.stringMatching(/^\S.*\S$/s) });
	expect(`${answer.msg} ${answer.details ?? ""}`).not.toMatch(leaked);
}
