import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { CniError } from "../../../lib/cni/error.ts";
import { decodeDocument, SchemaError } from "../../../lib/cni/schema.ts";
import { formatAddress } from "../../../lib/ip/address.ts";
import { mesosSchema, type NetworkInfo, networkInfoOf } from "../../../lib/mesos/network-info.ts";

function read(networkInfo: unknown): NetworkInfo {
	return networkInfoOf(decodeDocument(mesosSchema, { network_info: networkInfo }));
}

function problem(networkInfo: unknown): string {
	try {
		read(networkInfo);
	} catch (thrown) {
		if (thrown instanceof CniError || thrown instanceof SchemaError) return thrown.message;
		throw thrown;
	}
	throw new Error("It was accepted");
}

const none = {
	portMappings: [],
	addresses: { requested: [], required: [], only: undefined },
	tags: { labels: [], groups: [] },
};

describe("what Mesos says of a task's network", () => {
	it("may be nothing", () => {
		for (const args of [undefined, null, {}, { network_info: null }, { network_info: {} }]) {
			expect(networkInfoOf(decodeDocument(mesosSchema, args))).toEqual(none);
		}
		expect(read({ name: "n1", labels: {}, more: [1] })).toEqual(none);
	});

	it("gives port mappings in the form of runtimeConfig", () => {
		const port_mappings = [
			{ host_port: 8080, container_port: 80 },
			{ host_port: 1, container_port: 65535, protocol: "UDP" },
			{ host_port: 5, container_port: 6, protocol: "sctp" },
			{ host_port: 5, container_port: 6, protocol: "" },
			{ host_port: 8080, container_port: 80, protocol: "TCP" },
		];
		expect(read({ port_mappings }).portMappings).toEqual([
			{ hostPort: 8080, containerPort: 80, protocol: "tcp" },
			{ hostPort: 1, containerPort: 65535, protocol: "udp" },
			{ hostPort: 5, containerPort: 6, protocol: "sctp" },
			{ hostPort: 5, containerPort: 6, protocol: "tcp" },
		]);
	});

	it.each<[unknown, string]>([
		[{ host_port: 0, container_port: 1 }, 'port_mappings[0].host_port": it must be between 1 and 65535, not 0'],
		[{ host_port: 1, container_port: 65536 }, 'container_port": it must be between 1 and 65535, not 65536'],
		[{ host_port: -1, container_port: 1 }, "not -1"],
		[{ host_port: 1 }, 'container_port": it is missing'],
		[null, 'host_port": it is missing'],
		[{ host_port: 1, container_port: 1, protocol: "icmp" }, 'must be tcp, udp or sctp, not "icmp"'],
		[{ host_port: 1, container_port: 1, protocol: 'tcp"; drop' }, 'not "tcp\\"; drop"'],
		[{ host_port: "80", container_port: 1 }, "must be an integer"],
		[{ host_port: 1.5, container_port: 1 }, "must be an integer"],
		[[], "must be an object"],
	])("refuses the port mapping %j", (mapping, text) => {
		expect(problem({ port_mappings: [mapping] })).toContain(text);
	});

	it("refuses two places for one host port", () => {
		const port_mappings = [
			{ host_port: 8080, container_port: 80 },
			{ host_port: 8080, container_port: 81, protocol: "udp" },
			{ host_port: 8080, container_port: 81 },
		];
		expect(problem({ port_mappings })).toContain(
			'port_mappings[2]": tcp port 8080 of the host leads to port 80 already',
		);
	});

	describe("asks for addresses", () => {
		const v4 = { protocol: "IPv4" };
		const v6 = { protocol: "IPv6" };
		const at = (ip_address: string) => ({ protocol: "IPv4", ip_address });

		it.each<[string, object[], { requested?: string[]; required?: number[]; only?: number[] }]>([
			["whatever the network gives, where IPv4 may stand for any", [v4], {}],
			["the same, with no family at all", [{}], {}],
			["IPv6, which can only have been meant", [v6], { required: [6], only: [6] }],
			["both, where the network need not have IPv4", [v4, v6], { required: [6] }],
			["one of its own", [at("10.1.2.3")], { requested: ["10.1.2.3"] }],
			["one whose family is the address's", [at("FD00::0003")], { requested: ["fd00::3"] }],
			["with a length, as Mesos reports IPv6", [at("fd00::3/64")], { requested: ["fd00::3"] }],
			["one of each family", [at("10.1.2.3"), at("fd00::3")], { requested: ["10.1.2.3", "fd00::3"] }],
			["the same twice", [at("10.1.2.3"), at("10.1.2.3")], { requested: ["10.1.2.3"] }],
			[
				"one of its own, and any of IPv6",
				[at("10.1.2.3"), v6],
				{ requested: ["10.1.2.3"], required: [6], only: [6, 4] },
			],
			["an empty address like none", [{ protocol: "IPv6", ip_address: "" }], { required: [6], only: [6] }],
		])("%s", (_, ip_addresses, { requested = [], required = [], only }) => {
			const { addresses } = read({ ip_addresses });
			expect({ ...addresses, requested: addresses.requested.map(formatAddress) }).toEqual({
				requested,
				required,
				only,
			});
		});

		it.each<[object[], string]>([
			[[at("10.1.2.3"), at("10.1.2.4")], '"10.1.2.3" and "10.1.2.4" are both IPv4 addresses'],
			[[at("fd00::1"), at("10.1.2.4"), at("fd00::2")], '"fd00::1" and "fd00::2" are both IPv6 addresses'],
			[[at("10.1.2")], 'ip_addresses[0].ip_address": "10.1.2" is no IP address'],
			[[at("10.1.2.3/33")], "is no IP address"],
			[[at("../../etc")], "is no IP address"],
			[[v4, { protocol: "IPX" }], 'ip_addresses[1].protocol": it must be IPv4 or IPv6, not "IPX"'],
			[[{ protocol: 4 }], "must be a string"],
		])("%j: refused", (ip_addresses, text) => {
			expect(problem({ ip_addresses })).toContain(text);
		});
	});

	it("carries labels and groups", () => {
		const labels = { labels: [{ key: "rack", value: "7" }, { key: "flag" }, { key: "json", value: '{"a":\n1}' }] };
		expect(read({ labels, groups: ["dev", "prüf", "two\nlines", "\u009b2J"] }).tags).toEqual({
			labels: [
				{ key: "rack", value: "7" },
				{ key: "flag", value: undefined },
				{ key: "json", value: '{"a":\n1}' },
			],
			groups: ["dev", "prüf", "two\nlines", "\u009b2J"],
		});
	});

	it.each<[string, object, string]>([
		["an empty group", { groups: [""] }, 'groups[0]": it is missing or empty'],
		["half a character", { groups: ["\ud800"] }, "is no text that UTF-8 could hold"],
		["a long group", { groups: ["a".repeat(1025)] }, "it has 1025 characters, and the limit is 1024"],
		["many groups", { groups: Array(257).fill("a") }, 'groups": it has 257 entries, and the limit is 256'],
		["groups that are no list", { groups: "dev" }, "must be a list"],
		["a label without key", { labels: { labels: [{ value: "x" }] } }, 'labels.labels[0].key": it is missing'],
		["a long value", { labels: { labels: [{ key: "k", value: "x".repeat(4097) }] } }, "the limit is 4096"],
		["many labels", { labels: { labels: Array(257).fill({ key: "k" }) } }, "it has 257 entries"],
		[
			"labels that are long together",
			{ labels: { labels: Array(9).fill({ key: "k", value: "x".repeat(3640) }) } },
			'labels": labels and groups have 32769 characters together, and the limit is 32768',
		],
		["a label that is null", { labels: { labels: [null] } }, "it is missing"],
		["labels without the object around them", { labels: [] }, "must be an object"],
	])("refuses %s", (_, info, text) => {
		expect(problem(info)).toContain(text);
	});

	it("is either understood or refused by name, whatever a tenant writes", () => {
		const entry = fc.record(
			{
				protocol: fc.oneof(fc.constantFrom("IPv4", "IPv6", "tcp", "UDP"), fc.jsonValue()),
				ip_address: fc.oneof(fc.ipV4(), fc.ipV6(), fc.string(), fc.jsonValue()),
				host_port: fc.oneof(fc.integer({ min: -1, max: 70_000 }), fc.jsonValue()),
				container_port: fc.oneof(fc.integer({ min: -1, max: 70_000 }), fc.jsonValue()),
				key: fc.oneof(fc.string(), fc.jsonValue()),
				value: fc.oneof(fc.string(), fc.jsonValue()),
			},
			{ requiredKeys: [] },
		);
		const entries = fc.oneof(fc.array(entry, { maxLength: 4 }), fc.jsonValue());
		const info = fc.record(
			{
				ip_addresses: entries,
				port_mappings: entries,
				groups: fc.oneof(fc.array(fc.string()), fc.jsonValue()),
				labels: fc.oneof(fc.record({ labels: entries }), fc.jsonValue()),
			},
			{ requiredKeys: [] },
		);
		fc.assert(
			fc.property(info, (networkInfo) => {
				let understood: NetworkInfo;
				try {
					understood = read(networkInfo);
				} catch (thrown) {
					expect(thrown instanceof CniError || thrown instanceof SchemaError).toBe(true);
					return;
				}
				for (const { hostPort, containerPort, protocol } of understood.portMappings) {
					expect([hostPort, containerPort].every((port) => port >= 1 && port <= 65535)).toBe(true);
					expect(["tcp", "udp", "sctp"]).toContain(protocol);
				}
				const families = understood.addresses.requested.map(({ family }) => family);
				expect(families).toEqual([...new Set(families)]);
			}),
			{ numRuns: 500 },
		);
	});
});
