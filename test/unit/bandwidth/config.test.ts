import { describe, expect, test } from "@jest/globals";
import { decodeDocument } from "../../../lib/cni/schema.ts";
import { bandwidthSchema, parseLimits } from "../../../plugins/meta/bandwidth/config.ts";

function limitsOf(document: Readonly<Record<string, unknown>>) {
	return parseLimits({ document, config: decodeDocument(bandwidthSchema, document) });
}

const limit = (rateBitsPerSecond: number, burstBits: number) => ({ rateBitsPerSecond, burstBits });
const runtimeConfig = { bandWidth: { ingressRate: 8, ingressBurst: 8, egressRate: 16, egressBurst: 9 } };

describe("where limits come from", () => {
	test("the configuration", () => {
		expect(limitsOf({ ingressRate: 8, ingressBurst: 16, EgressRate: 24, egressBurst: 32 })).toEqual({
			ingress: limit(8, 16),
			egress: limit(24, 32),
		});
	});

	test("the runtime, its key in any case", () => {
		expect(limitsOf({ runtimeConfig })).toEqual({ ingress: limit(8, 8), egress: limit(16, 9) });
	});

	test.each([0, null])("the configuration alone as soon as it has one key, even with the value %p", (value) => {
		expect(limitsOf({ runtimeConfig, ingressRate: value })).toEqual({ ingress: undefined, egress: undefined });
	});

	test("a fault of the configuration counts, whatever the runtime says", () => {
		const document = { runtimeConfig, ingressRate: 0, ingressBurst: 123, egressRate: 123, egressBurst: 123 };
		expect(() => limitsOf(document)).toThrow("if burst is set, rate must also be set");
	});

	test("nowhere", () => {
		expect(limitsOf({})).toEqual({ ingress: undefined, egress: undefined });
		expect(limitsOf({ runtimeConfig: { bandwidth: null } })).toEqual({ ingress: undefined, egress: undefined });
	});

	test.each([-1, 1.5, "8", 2 ** 65, true])("no number of bits: %p", (value) => {
		expect(() => limitsOf({ ingressRate: value, ingressBurst: 8 })).toThrow(
			'"ingressRate" must be an integer of 0 or more',
		);
	});
});

describe("labels of a task of Mesos", () => {
	const labelKeys = { ingressRate: "in", egressRate: "out", egressBurst: "out.burst" };
	const withLabels = (labels: readonly object[], more: object = {}) =>
		limitsOf({ labelKeys, args: { "org.apache.mesos": { network_info: { labels: { labels } } } }, ...more });
	const label = (key: string, value?: string) => ({ key, value });

	test("give limits, with a bucket of a tenth of a second where they say nothing of it", () => {
		expect(withLabels([label("in", "100000000"), label("out", "8000"), label("out.burst", "160000")])).toEqual({
			ingress: limit(100_000_000, 10_000_000),
			egress: limit(8000, 160_000),
		});
		expect(withLabels([label("in", "8000")]).ingress).toEqual(limit(8000, 524_288));
	});

	test("may ask for less than the network gives, not for more", () => {
		const network = { ingressRate: 1000, ingressBurst: 9000, egressRate: 2000, egressBurst: 9000 };
		expect(withLabels([label("in", "999")], network)).toEqual({ ingress: limit(999, 9000), egress: limit(2000, 9000) });
		for (const value of ["1001", "0", "999999999999999"]) {
			expect(() => withLabels([label("in", value)], network)).toThrow(
				/^Cannot use the label "in": it asks for .* 1000 at most/,
			);
		}
		expect(() => withLabels([label("out.burst", "9001")], network)).toThrow('Cannot use the label "out.burst"');
	});

	test("are not read without labelKeys, and keys that are not named mean nothing", () => {
		const labels = [label("ingressRate", "8000"), label("other", "x")];
		expect(withLabels(labels)).toEqual({ ingress: undefined, egress: undefined });
		expect(withLabels([label("in", "8000")], { labelKeys: null })).toEqual({ ingress: undefined, egress: undefined });
	});

	test.each(["", "-1", "1e9", "0x10", " 8", "8 ", "1_000", "١٢٣", "9".repeat(16), "8\n", "many"])(
		"%p is no number of bits",
		(value) => {
			expect(() => withLabels([label("in", value)])).toThrow(/^Cannot use the label "in": ".*" is no number of bits/);
		},
	);

	test("a label without a value, and one that is there twice, are faults", () => {
		expect(() => withLabels([label("in")])).toThrow('Cannot use the label "in"');
		expect(() => withLabels([label("in", "8"), label("in", "9")])).toThrow("the task has it 2 times");
	});

	test("without a task there are none", () => {
		expect(limitsOf({ labelKeys })).toEqual({ ingress: undefined, egress: undefined });
	});
});
