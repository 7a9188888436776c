import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { buildVectorPlugin } from "../fixtures/vector-plugin-build.ts";
import { attempt, attemptIn, type Outcome } from "../support/namespace.ts";
import { distribution } from "../support/paths.ts";
import { createWorld, type World } from "../support/world.ts";
import { readVectors, type Vector } from "./vectors.ts";

const vectors = readVectors();

/** Handler's results that several vectors share. */
const results: Readonly<Record<string, object>> = {
	R11: {
		cniVersion: "1.1.0",
		interfaces: [
			{
				name: "eth0",
				mac: "00:11:22:33:44:55",
				mtu: 1500,
				sandbox: "/nope",
				socketPath: "/s",
				pciID: "8086:9a01",
			},
		],
		ips: [
			{ interface: 0, address: "10.1.2.3/24", gateway: "10.1.2.1" },
			{ interface: 0, address: "10.1.2.4/24" },
			{ interface: 0, address: "fd00::5/64", gateway: "fd00::1" },
		],
		routes: [
			{ dst: "0.0.0.0/0", gw: "10.1.2.1", mtu: 1400, advmss: 1340, priority: 5, table: 100, scope: 0 },
			{ dst: "::/0" },
		],
		dns: { nameservers: ["10.1.2.1"], domain: "d", search: ["s"], options: ["o"] },
	},
	R02: {
		cniVersion: "0.2.0",
		ip4: {
			ip: "192.0.2.30/24",
			gateway: "192.0.2.1",
			routes: [{ dst: "198.51.100.0/24", gw: "192.0.2.8" }],
		},
		ip6: { ip: "2001:db8::30/64", routes: [{ dst: "2001:db8:f::/48" }] },
		dns: {},
	},
	R04: {
		cniVersion: "0.4.0",
		interfaces: [{ name: "eth0" }],
		ips: [
			{ version: "4", interface: 0, address: "10.0.0.2/24" },
			{ version: "6", address: "fd00::2/64" },
		],
		routes: [{ dst: "10.9.0.0/16" }],
		dns: {},
	},
	/** R04 from a plugin that forgot the versions of the addresses. */
	R04N: {
		cniVersion: "0.4.0",
		interfaces: [{ name: "eth0" }],
		ips: [{ interface: 0, address: "10.0.0.2/24" }, { address: "fd00::2/64" }],
		routes: [{ dst: "10.9.0.0/16" }],
		dns: {},
	},
};

interface Answer {
	readonly exitCode: number;
	/** The document on stdout, undefined for none. */
	readonly json: Readonly<Record<string, unknown>> | undefined;
}

interface Deviation {
	readonly ids: readonly string[];
	readonly why: string;
	readonly expected: (reference: () => Answer) => Answer;
}

const ownNamespace = { code: 8, msg: "plugin's netns and netns from CNI_NETNS should not be the same" };

function typed(code: number): Deviation["expected"] {
	return (reference) => ({ exitCode: 1, json: { ...reference().json, code } });
}

/** Where we answer otherwise than the reference, on purpose. */
const deviations: readonly Deviation[] = [
	{
		ids: ["V058", "V063"],
		why: "the namespace is checked before anything is done, so that there is one document and nothing to undo",
		expected: () => ({ exitCode: 1, json: ownNamespace }),
	},
	{
		ids: ["V088"],
		why: "the family of an address that lacks `version` is seen from the address instead of dropping it",
		expected: () => ({
			exitCode: 0,
			json: {
				cniVersion: "0.2.0",
				ip4: { ip: "10.0.0.2/24", routes: [{ dst: "10.9.0.0/16" }] },
				ip6: { ip: "fd00::2/64" },
				dns: {},
			},
		}),
	},
	{
		ids: ["V089"],
		why: "the same: `version` is filled in",
		expected: () => ({ exitCode: 0, json: { ...results.R04 } }),
	},
	{
		ids: ["V095", "V096", "V106"],
		why: "a result that cannot be read is a decoding failure, not an internal error",
		expected: typed(6),
	},
	{
		ids: ["V103", "V104"],
		why: "a prevResult of another family of versions is a wrong configuration, not an internal error",
		expected: typed(7),
	},
	{
		ids: ["V113", "V116", "V117", "V118", "V119", "V120", "V121", "V122"],
		why: "wrong CNI_ARGS are a wrong environment variable, not an internal error",
		expected: typed(4),
	},
];

describe("every vector, with a plugin on our frame", () => {
	let plugins: string;

	beforeAll(() => {
		plugins = buildVectorPlugin();
	});

	test("all 122 are here, and each deviation is of one of them", () => {
		const ids = vectors.map(({ id }) => id);
		expect(ids).toEqual(Array.from({ length: 122 }, (_, index) => `V${String(index + 1).padStart(3, "0")}`));
		const deviating = deviations.flatMap((deviation) => deviation.ids);
		expect(ids).toEqual(expect.arrayContaining(deviating));
		expect(new Set(deviating).size).toBe(deviating.length);
	});

	test.each(vectors.map((vector) => [vector.id, vector] as const))("%s", (id, vector) => {
		const name = id === "V056" ? "vector-until-0.3.1" : "vector";
		const outcome = attempt([join(plugins, name)], { env: vector.env, input: stdinOf(vector) });
		expectAnswer(outcome, vector);
	});

	test("a person who starts it by hand learns what it is, on stderr", () => {
		const { stdout, stderr, exitCode } = attempt([join(plugins, "vector")], { env: {} });
		expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 0 });
		expect(stderr).toMatch(/^CNI vector plugin .+\nCNI protocol versions supported: 0\.1\.0, 0\.2\.0, .+, 1\.1\.0\n$/);
	});

	test("a result is indented by 4 and has no newline at its end; VERSION is one line with a newline", () => {
		const call = (changes: string, config: object) => {
			const env = { ...vectors.find(({ id }) => id === "V064")?.env, CNI_COMMAND: changes };
			return attempt([join(plugins, "vector")], { env, input: JSON.stringify(config) }).stdout;
		};
		expect(call("ADD", { cniVersion: "0.4.0", name: "n" })).toBe('{\n    "cniVersion": "0.4.0",\n    "dns": {}\n}');
		const versions = '["0.1.0","0.2.0","0.3.0","0.3.1","0.4.0","1.0.0","1.1.0"]';
		expect(call("VERSION", { cniVersion: "0.4.0" })).toBe(`{"cniVersion":"0.4.0","supportedVersions":${versions}}\n`);
	});

	test("keys of a result stand in the reference's order: of 1.x at every level, before that at the top", () => {
		for (const vector of vectors.filter(({ group }) => group === "Result conversion")) {
			if (deviations.some(({ ids }) => ids.includes(vector.id)) || vector.exitCode !== 0) continue;
			const { stdout } = attempt([join(plugins, "vector")], { env: vector.env, input: stdinOf(vector) });
			const order = (text: string) => {
				const result = JSON.parse(text) as Record<string, unknown>;
				return String(result.cniVersion).startsWith("1.") ? JSON.stringify(result) : Object.keys(result);
			};
			expect([vector.id, order(stdout)]).toEqual([vector.id, order(vector.stdout)]);
		}
	});
});

/** The frame answers these before a plugin's own code runs, so that every plugin must answer the same. */
const beforeHandler = vectors.filter(
	({ id, group, exitCode, env }) =>
		["Dispatch & env", "stdin & network name", "Version gate", "Netns"].includes(group) &&
		id !== "V056" &&
		(exitCode === 1 || (env.CNI_COMMAND ?? "VERSION") === "VERSION"),
);

describe.each(["loopback", "bridge", "host-local"])("what is answered before the handler, with %s", (type) => {
	let world: World;

	beforeAll(() => {
		world = createWorld();
	});
	afterAll(() => {
		world.dispose();
	});

	test.each(beforeHandler.map((vector) => [vector.id, vector] as const))("%s", (_, vector) => {
		const command = [join(distribution, type)];
		expectAnswer(attemptIn(world.host, command, { env: vector.env, input: stdinOf(vector) }), vector);
	});
});

function stdinOf({ stdin, result }: Vector): string {
	if (result === "") return stdin;
	return JSON.stringify({ ...JSON.parse(stdin), R: results[result] ?? JSON.parse(result) });
}

function expectAnswer(outcome: Outcome, vector: Vector): void {
	const { json, exitCode } = answerOf(outcome);
	const expected = expectedAnswer(vector);
	if (exitCode === 0 || json === undefined) {
		expect({ json, exitCode }).toEqual(expected);
		return;
	}
	// The reference's errors lack `cniVersion`, which the specification wants, and its details help seldom.
	const { cniVersion, ...error } = json;
	if (cniVersion !== undefined) expect(cniVersion).toBe(JSON.parse(vector.stdin).cniVersion);
	const { details, ...rest } = comparable(error);
	const { details: wantedDetails = details, ...wanted } = comparable(expected.json ?? {});
	expect({ ...rest, exitCode }).toEqual({ ...wanted, exitCode: expected.exitCode });
	expect(details).toEqual(wantedDetails);
}

function answerOf({ stdout, exitCode }: Outcome): Answer {
	return { exitCode: exitCode ?? -1, json: stdout === "" ? undefined : JSON.parse(stdout) };
}

function expectedAnswer(vector: Vector): Answer {
	const reference = () => ({
		exitCode: vector.exitCode,
		json: vector.stdout === "" ? undefined : JSON.parse(vector.stdout),
	});
	return deviations.find(({ ids }) => ids.includes(vector.id))?.expected(reference) ?? reference();
}

/** Of a decoding failure, what follows the first colon is Go's wording. */
function comparable(error: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
	return error.code === 6 ? { ...error, msg: String(error.msg).split(": ")[0] } : error;
}
