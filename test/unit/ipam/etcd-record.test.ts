import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { formatAddress, type IpAddress } from "../../../lib/ip/address.ts";
import { formatOwner, formatRecord, parseOwner } from "../../../lib/ipam/etcd-store/record.ts";

const address: fc.Arbitrary<IpAddress> = fc.oneof(
	fc.record({ family: fc.constant(4 as const), value: fc.bigInt({ min: 0n, max: (1n << 32n) - 1n }) }),
	fc.record({ family: fc.constant(6 as const), value: fc.bigInt({ min: 1n << 64n, max: (1n << 128n) - 1n }) }),
);

describe("what an address and its owner say in etcd", () => {
	test("is JSON, whatever a tenant puts into it", () => {
		const text = fc.string({ unit: "binary" });
		const record = fc.record({
			agent: text,
			time: fc.nat(),
			containerId: text,
			ifName: text,
			labels: fc.array(fc.record({ key: text, value: text }, { requiredKeys: ["key"] })),
			groups: fc.array(text),
		});
		fc.assert(
			fc.property(address, record, (one, held) => {
				expect(JSON.parse(formatRecord(one, held))).toEqual({ address: formatAddress(one), ...held });
			}),
		);
	});

	test("is nothing for an owner that has no key", () => {
		expect(parseOwner("")).toEqual([]);
		fc.assert(
			fc.property(fc.array(address), (held) => {
				expect(parseOwner(formatOwner(held, "2f8x1k9q0ab"))).toEqual(held);
			}),
		);
	});
});
