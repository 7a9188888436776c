import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Namespace, runIn } from "../support/namespace.ts";
import type { World } from "../support/world.ts";
import { type Failure, type Mutation, type PluginUnderContract, pluginContract } from "./plugin.ts";

/** Where leftovers are looked for. */
const dataDir = (world: World) => join(world.dataDir, "sbr");

const made = new Set<string>();

/** In the form of every version; makes the interface of a new container. */
function prevResult(_: World, container: Namespace) {
	if (!made.has(container.name)) {
		const lines = [
			"ip link add eth0 type veth peer name other",
			"ip link set other up",
			"ip address add 10.0.0.2/24 dev eth0",
			"ip address add fd00::2/64 dev eth0 nodad",
			"ip link set eth0 up",
			"ip route add 10.9.0.0/16 via 10.0.0.7",
			"ip route add fd09::/64 via fd00::7",
			"ip route add default via 10.0.0.1",
		];
		runIn(container, ["sh", "-ec", lines.join("\n")]);
		made.add(container.name);
	}
	return {
		interfaces: [{ name: "eth0", sandbox: container.path }],
		ips: [
			{ address: "10.0.0.2/24", gateway: "10.0.0.1", version: "4", interface: 0 },
			{ address: "fd00::2/64", gateway: "fd00::1", version: "6", interface: 0 },
		],
		ip4: { ip: "10.0.0.2/24", gateway: "10.0.0.1" },
		ip6: { ip: "fd00::2/64", gateway: "fd00::1" },
	};
}

const rules = (table4: number, table6: number): readonly Mutation[] => [
	{
		what: "the rule is gone",
		change: ({ inside }) => inside("ip rule del from 10.0.0.2"),
		named: new RegExp(`Rule from 10\\.0\\.0\\.2/24 to table ${table4} not found; .* lookup ${table4}`),
	},
	{
		what: "the rule of IPv6 is gone",
		change: ({ inside }) => inside("ip -6 rule del from fd00::2"),
		named: new RegExp(`Rule from fd00::2/64 to table ${table6} not found`),
	},
	{
		what: "the interface is gone",
		change: ({ inside }) => inside("ip link del eth0"),
		named: /^Cannot find network interface eth0: Link not found/,
	},
];

const routes: readonly Mutation[] = [
	{
		what: "the default route is gone",
		change: ({ inside }) => inside("ip route del default table 100"),
		named: /Expected Route 0\.0\.0\.0\/0 via 10\.0\.0\.1 table 100 not found/,
	},
	{
		what: "a route of IPv6 is gone",
		change: ({ inside }) => inside("ip -6 route del fd09::/64 table 101"),
		named: /Expected Route fd09::\/64 via fd00::7 table 101 not found/,
	},
	{
		what: "a route is in the main table again",
		change: ({ inside }) => inside("ip route add 10.9.0.0/16 via 10.0.0.7 dev eth0 onlink"),
		named: /Route 10\.9\.0\.0\/16 via 10\.0\.0\.7 table 254 is there again/,
	},
];

const failures: readonly Failure[] = [
	{ what: "it is not called behind another plugin", arrange: () => ({ prevResult: null }) },
	{ what: "the gateways are three", arrange: () => ({ gateways: ["10.0.0.1", "fd00::1", "10.0.0.3"] }) },
	{ what: "both gateways are of one family", arrange: () => ({ gateways: ["10.0.0.1", "10.0.0.3"] }) },
	{ what: "a gateway is none", arrange: () => ({ gateways: ["10.0.0"] }) },
	{ what: "the table is none", arrange: () => ({ table: 0 }) },
	{
		what: "the interface has no address that anybody knows of",
		arrange: (_, container) => ({ prevResult: { interfaces: [{ name: "eth0", sandbox: container.path }] } }),
	},
	{
		what: "what was before cannot be kept",
		arrange(world) {
			mkdirSync(world.dataDir, { recursive: true });
			writeFileSync(join(world.dataDir, "no-directory"), "");
			return { dataDir: join(world.dataDir, "no-directory") };
		},
	},
];

const sbr = (given: Partial<PluginUnderContract> & { readonly settings?: Readonly<Record<string, unknown>> }) => {
	const { settings, ...rest } = given;
	pluginContract({
		type: "sbr",
		config: (world) => ({ dataDir: dataDir(world), ...settings }),
		prevResult,
		hasAddress: true,
		...rest,
	});
};

sbr({
	title: "tables of its own",
	mutations: [...rules(100, 101), ...routes],
	failures: [...failures, { what: "the gateway cannot be reached", arrange: () => ({ gateways: ["192.0.2.1"] }) }],
});

sbr({ title: "a table of the operator's", settings: { table: 5000 }, mutations: rules(5000, 5000) });
