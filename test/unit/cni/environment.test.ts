import { describe, expect, test } from "@jest/globals";
import { parseArgs } from "../../../lib/cni/args.ts";
import { readEnvironment } from "../../../lib/cni/environment.ts";
import { validateIfName } from "../../../lib/cni/validate.ts";
import { parseVersion, specVersions } from "../../../lib/cni/version.ts";
import { negotiateVersion } from "../../../lib/cni/version-gate.ts";

const attachment = { CNI_CONTAINERID: "c1", CNI_NETNS: "/n", CNI_IFNAME: "eth0", CNI_PATH: "/bin" };

function refusal(action: () => unknown): { code?: number; message: string } {
	try {
		action();
	} catch (thrown) {
		return thrown as { code?: number; message: string };
	}
	return { message: "" };
}

describe("the environment", () => {
	const missing = (variables: Record<string, string>) =>
		/\[(.*)\]/.exec(refusal(() => readEnvironment(variables)).message)?.[1] ?? "";

	test.each([
		["ADD", "CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME,CNI_PATH"],
		["CHECK", "CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME,CNI_PATH"],
		["DEL", "CNI_CONTAINERID,CNI_IFNAME,CNI_PATH"],
		["GC", "CNI_PATH"],
		["STATUS", "CNI_PATH"],
		["VERSION", ""],
		["NOPE", ""],
		["", ""],
	])("of %s lacks what that needs", (command, names) => {
		expect(missing({ CNI_COMMAND: command })).toBe(names);
		const empty = Object.fromEntries(Object.keys(attachment).map((name) => [name, ""]));
		expect(missing({ CNI_COMMAND: command, ...empty })).toBe(names);
	});

	test("is passed on as it came", () => {
		const read = readEnvironment({ CNI_COMMAND: "DEL", ...attachment, CNI_ARGS: "A=b;C" });
		expect(read).toEqual({
			command: "DEL",
			containerId: "c1",
			netns: "/n",
			ifName: "eth0",
			args: "A=b;C",
			path: "/bin",
			netnsOverride: false,
		});
		expect(readEnvironment({})).toEqual({
			command: "",
			containerId: "",
			netns: "",
			ifName: "",
			args: "",
			path: "",
			netnsOverride: false,
		});
	});

	test("is not validated where the command has no use for it", () => {
		const wrong = { CNI_CONTAINERID: "%", CNI_IFNAME: "a/b", CNI_PATH: "/bin" };
		for (const command of ["GC", "STATUS", "VERSION", "NOPE"]) {
			expect(readEnvironment({ CNI_COMMAND: command, ...wrong }).command).toBe(command);
		}
	});

	test("names an invalid variable before any missing one", () => {
		const error = refusal(() => readEnvironment({ CNI_COMMAND: "ADD", CNI_IFNAME: "a/b" }));
		expect(error).toMatchObject({ code: 4, message: expect.stringContaining("contains / or :") });
	});

	test.each([
		["1", true],
		["true", true],
		["TRUE", true],
		["tRuE", true],
		["0", false],
		["yes", false],
		["", false],
		[" 1", false],
	])("CNI_NETNS_OVERRIDE=%j is %s", (text, expected) => {
		const variables = { CNI_COMMAND: "ADD", ...attachment, CNI_NETNS_OVERRIDE: text };
		expect(readEnvironment(variables).netnsOverride).toBe(expected);
	});
});

describe("names of interfaces", () => {
	test.each(["eth0", "a", "éééé", "a.b", "...", "a-b_c", 'a"b', "日本語", "123456789012345"])("%j is one", (name) => {
		expect(() => validateIfName(name)).not.toThrow();
	});

	test.each([
		"",
		".",
		"..",
		"a/b",
		"a:b",
		"a b",
		"a\n",
		"\u00a0",
		"a\u0085",
		"a%d",
		"a\ufffd",
		"1234567890123456",
		"ééééééééé",
	])("%j is none", (name) => {
		expect(refusal(() => validateIfName(name)).code).toBe(4);
	});
});

describe("the version gate", () => {
	const gate = (text: string, verb: "ADD" | "CHECK" | "DEL" | "GC" | "STATUS", supported = specVersions.slice()) =>
		negotiateVersion(text, { verb, supported });

	test("lets each command through from its first version on, to the letter", () => {
		const first = { ADD: "0.1.0", DEL: "0.1.0", CHECK: "0.4.0", GC: "1.1.0", STATUS: "1.1.0" } as const;
		for (const [verb, minimum] of Object.entries(first) as [keyof typeof first, (typeof first)[keyof typeof first]][]) {
			for (const version of specVersions) {
				const allowed = specVersions.indexOf(version) >= specVersions.indexOf(minimum);
				if (allowed) expect(gate(version, verb)).toBe(version);
				else expect(refusal(() => gate(version, verb)).message).toBe(`config version does not allow ${verb}`);
			}
		}
	});

	test("an empty version is 0.1.0", () => {
		expect(gate("", "ADD")).toBe("0.1.0");
		expect(refusal(() => gate("", "CHECK")).message).toBe("config version does not allow CHECK");
	});

	test.each(["1", "1.0", "1.1", "01.1.0", "1.1.0 ", "v1.1.0", "1.1.0-rc1", "1.10.0", "2.0.0"])(
		"%j is not served",
		(text) => {
			expect(refusal(() => gate(text, "ADD"))).toMatchObject({ code: 1, message: "incompatible CNI versions" });
		},
	);

	test("a plugin that stopped at an older version says so", () => {
		const old = specVersions.filter((version) => version < "0.4.0");
		expect(refusal(() => gate("0.4.0", "CHECK", old)).message).toBe("plugin version does not allow CHECK");
		expect(refusal(() => gate("0.4.0", "ADD", old)).message).toBe("incompatible CNI versions");
	});

	test.each([
		["", [0, 1, 0]],
		["1", [1, 0, 0]],
		["1.2", [1, 2, 0]],
		["1.2.3", [1, 2, 3]],
	])("%j has the numbers %j", (text, numbers) => {
		expect(parseVersion(text)).toEqual(numbers);
	});

	test.each(["x", "1.x", "1.1.x", "1..1", "1.1.1.1", ".", "1.1.", " 1"])("%j has none", (text) => {
		expect(refusal(() => parseVersion(text)).code).toBe(6);
	});
});

describe("CNI_ARGS", () => {
	const args = (text: string) => Object.fromEntries(parseArgs(text, ["IP", "MAC"]));

	test.each<[string, Record<string, string>]>([
		["", {}],
		["IP=1.2.3.4", { IP: "1.2.3.4" }],
		["IP=", { IP: "" }],
		["IP=1;IP=2", { IP: "2" }],
		["IP=1;MAC=2", { IP: "1", MAC: "2" }],
		["IgnoreUnknown=1;Foo=bar;IP=1", { IP: "1" }],
		["Foo=bar;IgnoreUnknown=TRUE", {}],
		["IgnoreUnknown=false;IP=1", { IP: "1" }],
		["IgnoreUnknown=0;MAC=1", { MAC: "1" }],
		["IgnoreUnknown=0;IgnoreUnknown=1;Foo=bar", {}],
		["IgnoreUnknown=1;__proto__=x;constructor=y", {}],
	])("%j are %j", (text, expected) => {
		expect(args(text)).toEqual(expected);
	});

	test.each([
		["Foo=bar", 'ARGS: unknown args ["Foo=bar"]'],
		["ip=1", 'ARGS: unknown args ["ip=1"]'],
		["IgnoreUnknown=0;A=b", 'ARGS: unknown args ["A=b"]'],
		["IgnoreUnknown=FALSE;A=b", 'ARGS: unknown args ["A=b"]'],
		["A=b;IP=1;C=d", 'ARGS: unknown args ["A=b" "C=d"]'],
		["IP", 'ARGS: invalid pair "IP"'],
		["IP=1;", 'ARGS: invalid pair ""'],
		["IP=a=b", 'ARGS: invalid pair "IP=a=b"'],
		[
			"IgnoreUnknown=yes",
			'ARGS: error parsing value of pair "IgnoreUnknown=yes": boolean unmarshal error: invalid input yes',
		],
		["IgnoreUnknown=", 'ARGS: error parsing value of pair "IgnoreUnknown=": boolean unmarshal error: invalid input '],
	])("%j are refused", (text, message) => {
		expect(refusal(() => args(text))).toMatchObject({ code: 4, message });
	});
});
