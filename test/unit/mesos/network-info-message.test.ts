import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { CniError } from "../../../lib/cni/error.ts";
import { decodeNetworkInfo } from "../../../lib/mesos/network-info-message.ts";

const read = (value: unknown) => decodeNetworkInfo(value, "network_infos[0]");

describe("NetworkInfo as Mesos hands it on", () => {
	it.each<[string, unknown, unknown]>([
		["one address of any family: IPv4 is written", { ip_addresses: [{}] }, { ip_addresses: [{ protocol: "IPv4" }] }],
		[
			"a static address says IPv4, whatever it is",
			{ ip_addresses: [{ ip_address: "fd00::1" }] },
			{ ip_addresses: [{ protocol: "IPv4", ip_address: "fd00::1" }] },
		],
		["empty lists are left out", { name: "n", ip_addresses: [], groups: [], port_mappings: [] }, { name: "n" }],
		["labels that are set stay set", { labels: {} }, { labels: {} }],
		["labels without a list", { labels: { labels: [] } }, { labels: {} }],
		[
			"nothing of what the message does not have",
			{ name: "n", mtu: 1, ip_addresses: [{ x: 1 }] },
			{ name: "n", ip_addresses: [{ protocol: "IPv4" }] },
		],
		["nothing", {}, {}],
		["null", null, {}],
	])("%s", (_, value, expected) => {
		expect(read(value)).toEqual(expected);
	});

	it("is refused by the name of its place, or understood and then stays as it is", () => {
		const entry = fc.oneof(
			fc.record(
				{
					protocol: fc.constantFrom("IPv4", "IPv6", "x"),
					ip_address: fc.string(),
					host_port: fc.integer(),
					container_port: fc.integer(),
					key: fc.string(),
					value: fc.jsonValue(),
				},
				{ requiredKeys: [] },
			),
			fc.jsonValue(),
		);
		const list = fc.oneof(fc.array(entry), fc.jsonValue());
		const info = fc.record(
			{
				name: fc.oneof(fc.string(), fc.jsonValue()),
				ip_addresses: list,
				groups: list,
				labels: fc.oneof(fc.record({ labels: list }), fc.jsonValue()),
				port_mappings: list,
			},
			{ requiredKeys: [] },
		);
		fc.assert(
			fc.property(info, (value) => {
				let message: unknown;
				try {
					message = read(value);
				} catch (thrown) {
					expect(thrown).toBeInstanceOf(CniError);
					expect((thrown as CniError).message).toContain("network_infos[0]");
					return;
				}
				expect(read(message)).toEqual(message);
			}),
			{ numRuns: 1000 },
		);
	});
});
