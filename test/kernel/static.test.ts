import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { specVersions, versionAtLeast } from "../../lib/cni/version.ts";
import { tools } from "../support/paths.ts";
import { type PluginCall, type PluginOutcome, runPlugin } from "../support/run-plugin.ts";
import { itUnless } from "../support/skip.ts";
import { ping } from "../support/traffic.ts";
import { createWorld, leftovers, type World } from "../support/world.ts";
import { attachment, bridgeNetwork, kept } from "./bridge-network.ts";

let world: World;
beforeAll(() => {
	world = createWorld();
});
afterAll(() => world.dispose());

interface Call extends Partial<PluginCall> {
	readonly version?: string;
}

function add(config: object, { version = "1.0.0", ...call }: Call = {}): PluginOutcome {
	return runPlugin({
		world,
		type: "static",
		command: "ADD",
		netns: "/some/where",
		containerId: "dummy",
		config: { cniVersion: version, name: "mynet", type: "ipvlan", ...config },
		...call,
	});
}

const routes = [
	{ dst: "0.0.0.0/0" },
	{ dst: "192.168.0.0/16", gw: "10.10.5.1" },
	{ dst: "3ffe:ffff:0:01ff::1/64", mtu: 1400, table: 0, scope: 0 },
];
const dns = { nameservers: ["8.8.8.8"], domain: "example.com", search: ["example.com"], options: ["ndots:2"] };
const v4 = { address: "10.10.0.1/24", gateway: "10.10.0.254" };
const v6 = { address: "3ffe:ffff:0:01ff::1/64", gateway: "3ffe:ffff:0::1" };
const ipam = (more: object = {}) => ({ ipam: { type: "static", routes, ...more } });
const ips = ["10.20.0.1/24", "3ffe:ffff:0:2ff::1/64"];

/** The reference's cases that succeed: configuration, CNI_ARGS, and the addresses of the result. */
const cases: Readonly<Record<string, { config: object; args?: string; addresses: readonly object[] }>> = {
	"addresses of both families, routes and dns": {
		config: ipam({ addresses: [v4, v6], dns }),
		addresses: [v4, { address: "3ffe:ffff:0:1ff::1/64", gateway: "3ffe:ffff::1" }],
	},
	"routes of equal destination, in their order": {
		config: {
			ipam: {
				type: "static",
				addresses: [v4],
				routes: [
					{ dst: "0.0.0.0/0", gw: "10.10.0.254" },
					{ dst: "0.0.0.0/0", gw: "10.10.0.253" },
				],
			},
		},
		addresses: [v4],
	},
	"address and gateway of CNI_ARGS": {
		config: ipam(),
		args: "IP=10.10.0.1/24;GATEWAY=10.10.0.254",
		addresses: [v4],
	},
	"the runtime's addresses": {
		config: { ...ipam(), RuntimeConfig: { ips } },
		addresses: ips.map((address) => ({ address })),
	},
	"the addresses of args.cni": {
		config: { ...ipam(), args: { cni: { ips } } },
		addresses: ips.map((address) => ({ address })),
	},
	"the runtime's addresses before all others": {
		config: {
			...ipam({ addresses: [v4] }),
			runtimeConfig: { ips },
			args: { cni: { ips: ["10.30.0.1/24"] } },
		},
		args: "IP=10.40.0.1/24",
		addresses: ips.map((address) => ({ address })),
	},
};

describe.each(Object.entries(cases))("static gives %s", (_, { config, args = "", addresses }) => {
	it("in the newest version", () => {
		const { json } = add(config, { version: "1.1.0", args });
		expect((json as { ips: object[] }).ips).toEqual(addresses);
	});

	for (const version of specVersions) {
		itUnless(existsSync(join(tools, "static")) ? undefined : "the stock plugins are missing: bin/setup --stock")(
			`as the reference does, version ${version}`,
			() => {
				const theirs = add(config, { version, args, cniPath: tools });
				const ours = add(config, { version, args });
				expect([ours.exitCode, ours.json]).toEqual([theirs.exitCode, theirs.json]);
			},
		);
	}
});

describe("static", () => {
	it("gives gateways of CNI_ARGS to the addresses whose network they are in", () => {
		const call = { args: "IP=10.10.0.1/24, 11.11.0.1/24;GATEWAY=10.10.0.254,11.11.0.7 ,11.11.0.8" };
		expect(add(ipam({ addresses: [{ address: "10.10.0.9/24" }] }), call).json).toMatchObject({
			ips: [
				{ address: "10.10.0.9/24" },
				{ address: "10.10.0.1/24", gateway: "10.10.0.254" },
				{ address: "11.11.0.1/24", gateway: "11.11.0.8" },
			],
		});
	});

	it.each(specVersions)("without addresses has none, version %s", (version) => {
		const { exitCode, error } = add(ipam(), { version });
		if (versionAtLeast(version, "0.3.0")) expect(exitCode).toBe(0);
		else expect(error?.msg).toBe("cannot convert: no valid IP addresses");
	});

	it.each(["0.1.0", "0.2.0"])("refuses a second address of a family in version %s", (version) => {
		expect(add(ipam(), { version, args: "IP=10.10.0.1/24,11.11.0.1/24" }).error?.msg).toBe(
			`CNI version ${version} does not support more than 1 address per family`,
		);
	});

	it.each<[string, object, string, string]>([
		["no ipam, CNI_ARGS set", {}, "IP=10.10.0.1/24", "IPAM config missing 'ipam' key"],
		["no ipam, the runtime's addresses set", { runtimeConfig: { ips } }, "", "IPAM config missing 'ipam' key"],
		[
			"an address without a length",
			ipam({ addresses: [{ address: "10.10.0.1" }] }),
			"",
			"the 'address' field is expected to be in CIDR notation, got: '10.10.0.1'",
		],
		["no address", ipam({ addresses: [{}] }), "", "the 'address' field is expected to be in CIDR notation, got: ''"],
		["a gateway that is none", ipam({ addresses: [{ ...v4, gateway: "x" }] }), "", "invalid IP address: x"],
		[
			"CNI_ARGS without a length, whatever the runtime says",
			{ ...ipam(), runtimeConfig: { ips } },
			"IP=10.10.0.1",
			"the 'ip' field is expected to be in CIDR notation, got: '10.10.0.1'",
		],
		["a gateway of CNI_ARGS that is none", ipam(), "IP=10.10.0.1/24;GATEWAY=x", "invalid gateway address: x"],
		["CNI_ARGS that it does not know", ipam(), "K8S_POD_NAME=x", 'ARGS: unknown args ["K8S_POD_NAME=x"]'],
		[
			"args.cni.ips without a length",
			{ ...ipam(), args: { cni: { ips: ["10.10.0.1"] } } },
			"",
			"an entry in the 'ips' field is NOT in CIDR notation, got: '10.10.0.1'",
		],
		[
			"the runtime's without a length",
			{ ...ipam(), runtimeConfig: { ips: ["10.10.0.1"] } },
			"",
			"an entry in the 'ips' field is NOT in CIDR notation, got: '10.10.0.1'",
		],
	])("refuses %s", (_, config, args, message) => {
		expect(add(config, { args }).error?.msg).toBe(message);
	});

	it("does not look at addresses that the runtime's replace", () => {
		expect(add({ ...ipam({ addresses: [{ address: "x" }] }), runtimeConfig: { ips } }).exitCode).toBe(0);
	});

	it("DEL succeeds whatever the configuration says", () => {
		expect(add({ ipam: { addresses: [{ address: "x" }] } }, { command: "DEL", args: "K8S_POD_NAME=x" }).exitCode).toBe(
			0,
		);
	});

	it("STATUS says what is wrong with the configuration", () => {
		const status = (config: object) => add(config, { command: "STATUS", version: "1.1.0" });
		expect(status(ipam({ addresses: [v4] })).exitCode).toBe(0);
		expect(status(ipam({ addresses: [{ address: "x" }] })).error?.msg).toContain("the 'address' field");
	});
});

describe("bridge with static", () => {
	it("connects containers with the addresses that they were given", () => {
		using own = createWorld();
		const given = { type: "static", addresses: [{ address: "10.1.2.1/24" }] };
		const network = bridgeNetwork(own, { subnets: [], config: { isGateway: true, ipam: given } });
		const [one, two] = ["10.1.2.11/24", "10.1.2.12/24"].map((address) =>
			attachment(own, {
				config: { ...network, runtimeConfig: { ips: [address] } },
				containerId: `c${address.slice(7, 9)}`,
			}),
		);
		expect(one?.add().ips).toMatchObject([{ address: "10.1.2.11/24", gateway: "10.1.2.1" }]);
		two?.add();
		one?.must("CHECK");
		if (one !== undefined) expect(ping(one.container, "10.1.2.12")).toBe(true);
		one?.must("DEL");
		two?.must("DEL");
		expect(leftovers(own, { except: kept })).toEqual([]);
	});
});
