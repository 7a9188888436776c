import { describe, expect, test } from "@jest/globals";
import { containerAddresses } from "../../../lib/cni/container-addresses.ts";
import { CniError } from "../../../lib/cni/error.ts";
import { decodeDocument } from "../../../lib/cni/schema.ts";
import { formatAddress, formatPrefix, parsePrefix } from "../../../lib/ip/address.ts";
import { parseSettings, portmapSchema, usableMappings } from "../../../plugins/meta/portmap/config.ts";

const tcp = (hostPort: number, more: object = {}) => ({ hostPort, containerPort: 80, protocol: "tcp", ...more });

describe("settings of portmap", () => {
	test("defaults", () => {
		expect(settings({})).toEqual({
			backend: "automatic",
			mappings: [],
			snat: true,
			masqAll: false,
			conditions: { 4: [], 6: [] },
			markMasqBit: 13,
			externalSetMarkChain: undefined,
		});
	});

	test("Mesos's port mappings, where the runtime gives none", () => {
		const port_mappings = [{ host_port: 8080, container_port: 80, protocol: "UDP" }];
		const args = { "org.apache.mesos": { network_info: { port_mappings } } };
		expect(settings({ args }).mappings).toEqual([{ hostPort: 8080, containerPort: 80, protocol: "udp" }]);
		expect(settings({ args, runtimeConfig: { portMappings: [] } }).mappings).toEqual([]);
	});

	test("every protocol, in any case, and host addresses of both families", () => {
		const { mappings } = settings({
			runtimeConfig: {
				portMappings: [
					tcp(1, { protocol: "TCP" }),
					tcp(65535, { protocol: "Udp", hostIP: "192.0.2.1" }),
					tcp(2, { protocol: "sctp", hostIP: "2001:DB8::1", containerPort: 65535 }),
					tcp(3, { hostIP: "0.0.0.0" }),
				],
			},
		});
		expect(
			mappings.map(({ protocol, hostPort, containerPort, hostAddress }) =>
				[protocol, hostPort, containerPort, hostAddress && formatAddress(hostAddress)].join(" "),
			),
		).toEqual(["tcp 1 80 ", "udp 65535 80 192.0.2.1", "sctp 2 65535 2001:db8::1", "tcp 3 80 0.0.0.0"]);
	});

	test.each<[object, string]>([
		[tcp(0), "Invalid host port number: 0"],
		[tcp(-1), "Invalid host port number: -1"],
		[tcp(65536), "Invalid host port number: 65536"],
		[tcp(1, { containerPort: 0 }), "Invalid container port number: 0"],
		[tcp(0, { containerPort: 70000 }), "Invalid container port number: 70000"],
		[tcp(1, { protocol: "" }), 'Invalid protocol of host port 1: ""'],
		[tcp(1, { protocol: "icmp" }), 'Invalid protocol of host port 1: "icmp"'],
		[tcp(1, { hostIP: "localhost" }), 'Invalid host address of host port 1: "localhost"'],
		[tcp(1, { hostIP: "192.0.2.1/24" }), 'Invalid host address of host port 1: "192.0.2.1/24"'],
		[tcp(1, { hostIP: "fe80::1%eth0" }), 'Invalid host address of host port 1: "fe80::1%eth0"'],
	])("the mapping %j is refused", (mapping, message) => {
		expect(refusal({ runtimeConfig: { portMappings: [mapping] } })).toBe(`7 failed to parse config: ${message}`);
	});

	test.each<[object, object]>([
		[tcp(8080), tcp(8080)],
		[tcp(8080), tcp(8080, { protocol: "TCP", containerPort: 81 })],
		[tcp(8080), tcp(8080, { hostIP: "192.0.2.1" })],
		[tcp(8080, { hostIP: "192.0.2.1" }), tcp(8080, { hostIP: "0.0.0.0" })],
		[tcp(8080, { hostIP: "2001:db8::1" }), tcp(8080, { hostIP: "2001:db8:0::1" })],
	])("%j and %j are refused together", (one, other) => {
		expect(refusal({ runtimeConfig: { portMappings: [one, tcp(9), other] } })).toMatch(
			/^7 failed to parse config: Duplicate port mapping: tcp port 8080/,
		);
	});

	test.each<[object, object]>([
		[tcp(8080), tcp(8080, { protocol: "udp" })],
		[tcp(8080, { hostIP: "192.0.2.1" }), tcp(8080, { hostIP: "192.0.2.2" })],
		[tcp(8080, { hostIP: "0.0.0.0" }), tcp(8080, { hostIP: "::" })],
		[tcp(8080, { hostIP: "192.0.2.1" }), tcp(8080, { hostIP: "2001:db8::1" })],
	])("%j and %j go together", (one, other) => {
		expect(settings({ runtimeConfig: { portMappings: [one, other] } }).mappings).toHaveLength(2);
	});

	test("DEL takes the mappings that it can use", () => {
		const config = decode({ runtimeConfig: { portMappings: [tcp(0), tcp(8080), tcp(8080), tcp(1, { hostIP: "x" })] } });
		expect(usableMappings(config).map(({ hostPort }) => hostPort)).toEqual([8080, 8080]);
	});

	test.each<[object, string]>([
		[{ markMasqBit: 5, externalSetMarkChain: "X" }, "Cannot specify externalSetMarkChain and markMasqBit"],
		[{ markMasqBit: 32 }, "MasqMarkBit must be between 0 and 31"],
		[{ markMasqBit: -1 }, "MasqMarkBit must be between 0 and 31"],
		[{ externalSetMarkChain: "A B" }, 'Invalid name in "externalSetMarkChain": "A B"'],
		[{ externalSetMarkChain: "-j" }, 'Invalid name in "externalSetMarkChain": "-j"'],
		[{ conditionsV4: ["ip", "saddr", "1.2.3.4\naccept"] }, 'Invalid token in "conditionsV4": "1.2.3.4\\naccept"'],
		[{ conditionsV4: ["ip", "saddr", "1.2.3.4;"] }, 'Invalid token in "conditionsV4": "1.2.3.4;"'],
		[{ conditionsV6: ["ip6 saddr"] }, 'Invalid token in "conditionsV6": "ip6 saddr"'],
		[{ conditionsV6: ["accept"] }, 'Invalid token in "conditionsV6": "accept"'],
		[{ conditionsV4: ["-s", "1.2.3.4", "-j", "ACCEPT"] }, 'Invalid token in "conditionsV4": "-j"'],
		[{ conditionsV4: ["-s", ""] }, 'Invalid token in "conditionsV4": ""'],
	])("%j is refused", (config, message) => {
		expect(refusal(config)).toBe(`7 failed to parse config: ${message}`);
	});
});

describe("the backend", () => {
	const nftables = { conditionsV4: ["ip", "saddr", "1.2.3.4"], conditionsV6: ["ip6", "saddr", "12::34"] };
	const iptables = { conditionsV4: ["-s", "1.2.3.4"], conditionsV6: ["!", "-s", "12::34"] };
	test.each<[object, string]>([
		[{}, "automatic"],
		[{ backend: "nftables" }, "nftables"],
		[{ backend: "iptables" }, "iptables"],
		[nftables, "nftables"],
		[iptables, "iptables"],
		[{ externalSetMarkChain: "X" }, "iptables"],
		[{ backend: "nftables", ...nftables }, "nftables"],
		[{ backend: "iptables", ...iptables }, "iptables"],
		[{ markMasqBit: 5, conditionsV4: [] }, "automatic"],
	])("of %j is %s", (config, backend) => {
		expect(settings(config).backend).toBe(backend);
	});

	test.each<[object, string]>([
		[{ backend: "ipfw" }, '7 unrecognized backend "ipfw"'],
		[{ backend: "" }, '7 unrecognized backend ""'],
		[
			{ backend: "iptables", ...nftables },
			"7 iptables backend was requested but configuration contains nftables-specific options [conditionsV4 conditionsV6]",
		],
		[
			{ backend: "nftables", externalSetMarkChain: "KUBE-MARK-MASQ", ...iptables },
			"7 nftables backend was requested but configuration contains iptables-specific options [externalSetMarkChain conditionsV4 conditionsV6]",
		],
		[
			{ conditionsV4: ["-s", "1.2.3.4"], conditionsV6: ["ip6", "saddr", "12::34"] },
			"7 iptables backend was requested but configuration contains nftables-specific options [conditionsV6]",
		],
	])("of %j is refused", (config, message) => {
		expect(refusal(config)).toBe(message);
	});
});

describe("the container's addresses", () => {
	const ip = (address: string, index?: number) => ({
		address: parsePrefix(address) ?? { address: { family: 4 as const, value: 0n }, length: 0 },
		...(index === undefined ? {} : { interface: index }),
	});
	const interfaces = [
		{ name: "host" },
		{ name: "container", sandbox: "/run/netns/x" },
		{ name: "other", sandbox: "/x" },
	];
	const addresses = (...ips: readonly ReturnType<typeof ip>[]) =>
		containerAddresses({ interfaces, ips, routes: [], dns: {} }, "container").map(formatPrefix);

	test("are the first of each family on its interface", () => {
		expect(
			addresses(
				ip("10.0.0.1/24", 0),
				ip("2001:db8:1::2/64", 1),
				ip("10.0.0.2/24", 1),
				ip("10.0.0.3/24", 1),
				ip("10.0.0.4/24", 2),
			),
		).toEqual(["10.0.0.2/24", "2001:db8:1::2/64"]);
	});

	test("may be of no interface, or of one that is not listed", () => {
		expect(addresses(ip("10.0.0.1/24"))).toEqual(["10.0.0.1/24"]);
		expect(addresses(ip("10.0.0.1/24", 7))).toEqual(["10.0.0.1/24"]);
		expect(addresses(ip("10.0.0.1/24", 0))).toEqual([]);
	});
});

function decode(config: object) {
	return decodeDocument(portmapSchema, config);
}

function settings(config: object) {
	return parseSettings(decode(config));
}

function refusal(config: object): string {
	try {
		settings(config);
	} catch (thrown) {
		if (thrown instanceof CniError) return `${thrown.code} ${thrown.message}`;
		throw thrown;
	}
	return "accepted";
}
