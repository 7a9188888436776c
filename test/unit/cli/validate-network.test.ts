import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type { ConfigKind } from "../../../lib/cli/validate/network-findings.ts";
import { validateNetwork } from "../../../lib/cli/validate/validate-network.ts";
import type { PluginRegistry } from "../../../lib/cni/call.ts";
import { placeOf } from "../../../lib/cni/json/place-of.ts";
import type { Plugin } from "../../../lib/cni/plugin.ts";
import {
	boolean,
	integer,
	list,
	object,
	plugin,
	required,
	type Schema,
	string,
	word,
} from "../../../lib/cni/schema.ts";

const bridge = required(
	object({ bridge: string(), isGateway: boolean(), mtu: integer(), runtimeConfig: object({ mac: string() }) }),
);
const ranges = required(
	object({
		ipam: object({ ranges: list(list(object({ subnet: string(), gateway: string() }))), dataDir: string() }),
		runtimeConfig: object({ ips: list(string()) }),
	}),
);

const firewall = required(
	object({
		backend: word({ known: ["iptables", "nftables"], others: "ignored" }),
		ingressPolicy: word({ known: ["open", "isolated"], others: "refused" }),
	}),
);

const chain = required(object({ plugins: list(plugin()) }));

const schemas: Readonly<Record<string, Schema<unknown>>> = { bridge, chain, firewall, "host-local": ranges };
const plugins: PluginRegistry = {
	types: Object.keys(schemas),
	load: (type) => {
		const schema = schemas[type];
		return schema === undefined ? undefined : Promise.resolve({ type, schema } as unknown as Plugin);
	},
};

const network = (plugin: object, more: object = {}) => ({
	cniVersion: "1.1.0",
	name: "n",
	plugins: [{ type: "bridge", ...plugin }],
	...more,
});

describe("validateNetwork", () => {
	it("finds nothing to say about a good list", async () => {
		const ipam = { type: "host-local", ranges: [[{ subnet: "10.0.0.0/24" }]] };
		const good = network({ mtu: 1400, ipam, dns: { search: ["a"] }, capabilities: { mac: true, ips: true } });
		expect(await findings(good)).toEqual([]);
	});

	it.each([
		["an unknown key", network({ mut: 1 }), 'error plugins[0].mut: unknown key. Did you mean "mtu"?'],
		[
			"an unknown key that is near to none",
			network({ zzzzzz: 1 }),
			"error plugins[0].zzzzzz: unknown key. Known here: args, bridge, capabilities, cniVersion, dns, ipam, isGateway, " +
				"labels, mtu, name, prevResult, runtimeConfig, type",
		],
		[
			"an unknown key deep in ipam",
			network({ ipam: { type: "host-local", ranges: [[{ subent: "x" }]] } }),
			'error plugins[0].ipam.ranges[0][0].subent: unknown key. Did you mean "subnet"?',
		],
		[
			"a word that means nothing",
			network({}, { plugins: [{ type: "firewall", backend: "ipfw" }] }),
			'warning plugins[0].backend: "ipfw" is the same as none. Known here: "iptables", "nftables"',
		],
		[
			"a word that is refused",
			network({}, { plugins: [{ type: "firewall", backend: "nftables", ingressPolicy: "Open" }] }),
			'error plugins[0].ingressPolicy: "Open" is refused. Known here: "open", "isolated"',
		],
		[
			"an unknown key in dns",
			network({ dns: { nameserver: [] } }),
			'error plugins[0].dns.nameserver: unknown key. Did you mean "nameservers"?',
		],
		["a wrong type", network({ mtu: "1" }), 'error plugins[0].mtu: must be an integer, not the string "1"'],
		[
			"a wrong type deep in ipam",
			network({ ipam: { type: "host-local", ranges: [{}] } }),
			"error plugins[0].ipam.ranges[0]: must be a list, not an object",
		],
		[
			"a capability that is no boolean",
			network({ capabilities: { mac: "yes" } }),
			'error plugins[0].capabilities.mac: must be a boolean, not the string "yes"',
		],
		[
			"another letter case",
			network({ MTU: 1 }),
			'warning plugins[0].MTU: understood as "mtu", but other implementations may not. Write "mtu"',
		],
		[
			"another letter case in the list, where it counts",
			network({}, { disablecheck: true }),
			'error disablecheck: not read: here the letter case counts. Write "disableCheck"',
		],
		["no type", network({ type: undefined }), 'error plugins[0].type: missing. Name the executable: "type": "bridge"'],
		["a path as a type", network({ type: "a/b" }), 'error plugins[0].type: "a/b" must be a name, not a path'],
		[
			"an ipam section without a type",
			network({ ipam: { dataDir: "x" } }),
			'error plugins[0].ipam: no "type": the section is not read and containers get no address. Write "type": "host-local"',
		],
		[
			"a capability that nobody reads",
			network({ capabilities: { bandwidth: true } }),
			'warning plugins[0].capabilities.bandwidth: "bridge" does not read this capability',
		],
		[
			"a capability that does not exist",
			network({ capabilities: { portMaping: true } }),
			'warning plugins[0].capabilities.portMaping: no capability of the conventions. Did you mean "portMappings"?',
		],
		[
			"a name in a list's plugin",
			network({ name: "x" }),
			'warning plugins[0].name: has no effect: the list\'s "name" replaces it. Remove it',
		],
		[
			"what belongs to the runtime",
			network({ runtimeConfig: { anything: 1 } }),
			"warning plugins[0].runtimeConfig: belongs to the runtime, which may write over it. Remove it",
		],
		[
			"a name that cannot be used",
			network({}, { name: "_x" }),
			/^error name: invalid characters found in network name/,
		],
		["a version too new", network({}, { cniVersion: "2.0.0" }), /^error cniVersion: 2\.0\.0 is newer than 1\.1\.0/],
		["a version that never was", network({}, { cniVersion: "0.5.0" }), /^error cniVersion: "0\.5\.0" is no version/],
		[
			"no version",
			network({ ipam: { type: "host-local" } }, { cniVersion: undefined }),
			/^warning cniVersion: no version: plugins answer as 0\.1\.0/,
		],
		["no plugins", network({}, { plugins: [] }), "error : error parsing configuration list: no plugins in list"],
		[
			"a plugin that is a number",
			network({}, { plugins: [1] }),
			"error plugins[0]: must be an object: a plugin's configuration",
		],
	])("names %s", async (_name, content, expected) => {
		const found = await findings(content);
		expect(found).toHaveLength(1);
		expect(found[0]?.text).toMatch(expected);
	});

	it.each([
		["free content of args", network({ args: { cni: { x: 1 }, "org.apache.mesos": {} } })],
		["keys for the runtime", network({ "cni.dev/something": 1 })],
		["comments", network({ _comment: "a", "//": "b", "#mtu": 1 })],
		["null, which is absence", network({ mtu: null, ipam: null })],
	])("has nothing against %s", async (_name, content) => {
		expect(await findings(content)).toEqual([]);
	});

	it("checks of foreign plugins the shared keys only, and says so", async () => {
		const found = await findings(
			network({ type: "other", own: 1, dns: { domian: "x" }, ipam: { type: "else", own: 1 } }),
		);
		expect(found.map(({ text }) => text)).toEqual([
			'note plugins[0].type: "other" is no plugin of this suite: only the keys that all plugins share were checked',
			'error plugins[0].dns.domian: unknown key. Did you mean "domain"?',
			'note plugins[0].ipam.type: "else" is no plugin of this suite: its keys were not checked',
		]);
	});

	it("checks the plugins within a plugin like those of a list", async () => {
		const members = [
			{ type: "bridge", mut: 1, name: "x", ipam: { type: "host-local", ranges: [[{ subent: "x" }]] } },
			{ type: "chain", plugins: [{ type: "bridge", mtu: "1" }] },
			5,
		];
		const found = await findings({ name: "n", type: "chain", plugins: members }, "conf");
		expect(found.map(({ text }) => text).filter((text) => !text.startsWith("note "))).toEqual([
			'error plugins[0].mut: unknown key. Did you mean "mtu"?',
			'warning plugins[0].name: has no effect: the list\'s "name" replaces it. Remove it',
			'error plugins[0].ipam.ranges[0][0].subent: unknown key. Did you mean "subnet"?',
			'error plugins[1].plugins[0].mtu: must be an integer, not the string "1"',
			"error plugins[2]: must be an object: a plugin's configuration",
		]);
	});

	it("sees duplicate keys, which parsers hide", async () => {
		const text = '{"cniVersion":"1.1.0","name":"n",\n"plugins":[{"type":"bridge","mtu":1,\n  "mtu":2, "MTU":3}]}';
		expect(await findings(text)).toEqual([
			{
				text: "error plugins[0].mtu: duplicate key. Only this last value counts; remove the other",
				line: 3,
				column: 3,
			},
			expect.objectContaining({
				text: expect.stringContaining('plugins[0].MTU: same key as "mtu" but for its letter case'),
			}),
			expect.objectContaining({ text: expect.stringContaining('plugins[0].MTU: understood as "mtu"') }),
		]);
	});

	it("warns of networks without addresses in versions that cannot express them", async () => {
		const texts = async (plugin: object) =>
			(await findings({ cniVersion: "0.2.0", name: "n", ...plugin }, "conf")).map(({ text }) => text);
		expect(await texts({ type: "bridge" })).toContainEqual(
			expect.stringContaining("cannot convert: no valid IP addresses"),
		);
		const ipam = { type: "host-local", ranges: [] };
		for (const good of [
			{ type: "bridge", ipam },
			{ type: "chain", plugins: [{ type: "other" }, { type: "bridge", ipam }] },
		]) {
			expect((await texts(good)).filter((text) => !text.startsWith("note "))).toEqual([]);
		}
	});

	it("gives the place of each finding", async () => {
		const text = JSON.stringify(network({ mut: 1 }), null, 2);
		expect(await findings(text)).toMatchObject([{ line: 7, column: 7 }]);
	});

	it("has an answer, with a place in the text, to any JSON", async () => {
		const key = fc.constantFrom(
			"plugins",
			"type",
			"ipam",
			"dns",
			"name",
			"cniVersion",
			"mtu",
			"ranges",
			"__proto__",
			"",
		);
		const { value } = fc.letrec((tie) => ({
			value: fc.oneof(
				{ maxDepth: 6 },
				fc.constantFrom<unknown>(null, true, 1, "bridge", "host-local", "1.1.0", "\u{1F600}"),
				fc.array(tie("value"), { maxLength: 3 }),
				fc.uniqueArray(fc.tuple(key, tie("value")), { maxLength: 5 }).map(Object.fromEntries),
			),
		}));
		await fc.assert(
			fc.asyncProperty(value, fc.constantFrom<ConfigKind>("conf", "conflist"), async (content, kind) => {
				const text = JSON.stringify(content);
				const validation = await validateNetwork(text, { kind, plugins });
				for (const { offset = -1, message } of validation.findings) {
					expect(offset).toBeGreaterThanOrEqual(0);
					expect(offset).toBeLessThanOrEqual(text.length);
					expect(message).not.toBe("");
				}
				const failed = validation.findings.some(({ severity }) => severity === "error");
				expect(failed || validation.network !== undefined).toBe(true);
			}),
			{ numRuns: 500 },
		);
	});

	it("says where a text stops being JSON", async () => {
		expect(await findings('{\n  "name": x')).toEqual([
			{ text: "error : invalid character 'x' looking for beginning of value", line: 2, column: 11 },
		]);
		expect((await findings("\uFEFF{}"))[0]?.text).toContain("byte order mark");
		expect((await findings("[]"))[0]?.text).toBe("error : must be an object: the configuration of a network");
	});

	it("knows single configurations, which ended with 1.0.0", async () => {
		const found = await findings({ cniVersion: "1.0.0", name: "n", type: "bridge", mut: 1 }, "conf");
		expect(found.map(({ text }) => text.split(":")[0])).toEqual(["warning ", "note cniVersion", "error mut"]);
	});
});

interface Found {
	readonly text: string;
	readonly line: number;
	readonly column: number;
}

async function findings(content: unknown, kind: ConfigKind = "conflist"): Promise<Found[]> {
	const text = typeof content === "string" ? content : JSON.stringify(content);
	const validation = await validateNetwork(text, { kind, plugins });
	return validation.findings.map(({ severity, path, message, offset = 0 }) => ({
		text: `${severity} ${path}: ${message}`,
		...placeOf(text, offset),
	}));
}
