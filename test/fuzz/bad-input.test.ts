import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { attemptIn, enter } from "../support/namespace.ts";
import { distribution } from "../support/paths.ts";
import { environmentOf, type PluginCall, type PluginOutcome, runPlugin } from "../support/run-plugin.ts";
import { createWorld, leftovers, type World } from "../support/world.ts";
import { readPluginShapes, wrongTypes } from "./plugin-shapes.ts";

const shapes = readPluginShapes();
const types = Object.keys(shapes);
const valid = { cniVersion: "1.1.0", name: "n" };

let world: World;

beforeAll(() => {
	world = createWorld();
});
afterAll(() => {
	expect(leftovers(world)).toEqual([]);
	world.dispose();
});

function run(call: Partial<PluginCall>): PluginOutcome {
	return runPlugin({
		world,
		type: "loopback",
		command: "ADD",
		netns: "/nope",
		config: valid,
		timeoutMs: 20_000,
		...call,
	});
}

/** The error that a call must end with, and nothing on stderr: the runtime itself has not complained. */
function errorOf({ exitCode, error, stderr }: PluginOutcome) {
	expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: "" });
	return error;
}

const text = (value: string) => new TextEncoder().encode(value);
const bytes = (...parts: (string | number[])[]) =>
	Uint8Array.from(parts.flatMap((part) => [...(typeof part === "string" ? text(part) : part)]));

describe.each(types)("stdin of %s", (type) => {
	const decoding = (reason: RegExp) => ({ code: 6, msg: expect.stringMatching(reason) });

	test.each<[string, string | Uint8Array, object]>([
		["nothing", "", decoding(/^error unmarshall network config: unexpected end of JSON input$/)],
		["white space", " \n\t", decoding(/unexpected end of JSON input/)],
		[
			"the first half",
			'{"cniVersion":"1.1.0","na',
			decoding(/^error unmarshall network config: unexpected end of JSON input$/),
		],
		[
			"a second document",
			'{"name":"n"}{"name":"n"}',
			decoding(/^error unmarshall network config: invalid character '\{' after top-level value$/),
		],
		["a list", "[]", decoding(/must be a JSON object, not a list$/)],
		["a number beyond all bounds", "1e400", decoding(/must be a JSON object, not the number Infinity$/)],
		["single quotes", "{'name':'n'}", decoding(/: invalid character '.+' /)],
		["a comma too many", '{"name":"n",}', decoding(/: invalid character '.+' /)],
		["a comment", '{"name":"n" /* mine */}', decoding(/: invalid character '.+' /)],
		["bytes that are not UTF-8", bytes('{"name":"', [0xff, 0xfe], '"}'), decoding(/it is not valid UTF-8$/)],
		[
			"half a surrogate pair in UTF-8",
			bytes('{"name":"', [0xed, 0xa0, 0x80], '"}'),
			decoding(/it is not valid UTF-8$/),
		],
		["UTF-16", Uint8Array.from(Buffer.from('\ufeff{"name":"n"}', "utf16le")), decoding(/it is not valid UTF-8$/)],
		["a NUL byte behind the document", bytes('{"name":"n"}', [0]), decoding(/: invalid character '.+' /)],
		["a NUL byte in a string", bytes('{"name":"n', [0], '"}'), decoding(/: invalid character '.+' /)],
		["NUL bytes only", new Uint8Array(4096), decoding(/: invalid character '.+' /)],
		["an escaped NUL in the name", '{"name":"n\\u0000"}', decoding(/"name" must be a string without NUL/)],
		["a name that is a list", '{"name":["n"]}', decoding(/"name" must be a string, not a list$/)],
		["a later name that is wrong", '{"name":"n","name":"%"}', { code: 7, details: "%" }],
		["a later spelling that is wrong", '{"name":"n","NAME":"%"}', { code: 7, details: "%" }],
		["a name hidden in __proto__", '{"__proto__":{"name":"n"}}', { code: 7, msg: "missing network name" }],
		["a name with a newline at its end", '{"name":"n\\n"}', { code: 7, details: "n\n" }],
		["a name that climbs", '{"name":"../../etc"}', { code: 7, details: "../../etc" }],
	])("%s", (_, config, expected) => {
		expect(errorOf(run({ type, config }))).toMatchObject(expected);
		expect(errorOf(run({ type, config, command: "DEL" }))).toMatchObject(expected);
	});

	test("70 MB are refused by their size", () => {
		const config = `{"cniVersion":"1.1.0","name":"n","x":"${"a".repeat(70_000_000)}"}`;
		expect(errorOf(run({ type, config }))).toMatchObject({
			code: 6,
			msg: `error unmarshall network config: it has ${config.length} bytes, and the limit is 67108864`,
		});
	});

	test("1,000 levels of nesting do no harm where nobody reads them", () => {
		const levels = 1000;
		const nested = `${"[".repeat(levels)}${"]".repeat(levels)}`;
		const config = `{"cniVersion":"9.9.9","name":"n","x":${nested}}`;
		expect(errorOf(run({ type, config }))).toMatchObject({ code: 1, msg: "incompatible CNI versions" });
		const unclosed = `{"cniVersion":"1.1.0","name":"n","x":${"[".repeat(levels)}`;
		expect(errorOf(run({ type, config: unclosed }))).toMatchObject({ code: 6 });
	});

	test.each([100_000, 5_000_000])("%d levels of nesting are refused", (levels) => {
		const config = `{"cniVersion":"1.1.0","name":"n","x":${"[".repeat(levels)}${"]".repeat(levels)}}`;
		expect(errorOf(run({ type, config }))).toMatchObject(decoding(/: exceeded max depth$/));
	});

	test("1,000 levels of nesting are refused where a value is read", () => {
		const levels = 900;
		const nested = `${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`;
		const config = `{"cniVersion":"1.1.0","name":"n","ipam":{"type":${nested}}}`;
		expect(errorOf(run({ type, config }))).toMatchObject({ code: 6, msg: expect.stringContaining('"ipam.type"') });
	});

	test("a byte order mark is skipped, as RFC 8259 section 8.1 allows", () => {
		const config = bytes([0xef, 0xbb, 0xbf], '{"cniVersion":"9.9.9","name":"n"}');
		expect(errorOf(run({ type, config }))).toMatchObject({ code: 1 });
	});
});

describe.each(types)("configuration of %s", (type) => {
	const shape = shapes[type];
	const wrong = shape === undefined ? [] : wrongTypes(shape);
	const fragmentOf = (fragment: unknown) => ({ ...(fragment as object) });

	// These are read by the frame before the rest, with texts of their own.
	const readEarlier = ["cniVersion", "name", "cni.dev/valid-attachments", "cni.dev/attachments"];

	test.each(wrong.filter(({ path }) => !readEarlier.includes(path)))(
		"ADD refuses a wrong type of $path",
		({ path, fragment }) => {
			const error = errorOf(run({ type, config: { ...valid, ...fragmentOf(fragment) } }));
			expect(error).toMatchObject({
				code: 6,
				msg: expect.stringMatching(/^failed to load netconf: .* must be .*, not /),
			});
			expect(error?.msg).toContain(`"${path}"`);
		},
	);

	test("DEL does what it can with any of them, and says on stderr what it ignored", () => {
		// Not the machine's own /var/lib: without a usable dataDir, host-local takes the default one.
		const wrapper = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /var/lib; exec "$0"'];
		for (const { path, fragment } of wrong.filter(({ path: at }) => !readEarlier.includes(at))) {
			const config = { ...valid, ...fragmentOf(fragment) };
			const { exitCode, stdout, stderr } = run({ type, config, command: "DEL", wrapper });
			expect([path, exitCode, stdout, stderr]).toEqual([path, 0, "", expect.stringContaining(`"${path}"`)]);
		}
	});
});

describe("numbers and names that JSON allows and nobody can mean", () => {
	const refused = (fragment: string, type = "bridge") =>
		errorOf(run({ type, config: `{"cniVersion":"1.1.0","name":"n",${fragment}}` }))?.msg;

	test("numbers that are no integers", () => {
		expect(refused('"mtu":1e400')).toContain('"mtu" must be an integer, not the number Infinity');
		expect(refused('"mtu":-1e400')).toContain("not the number -Infinity");
		expect(refused('"mtu":9007199254740993')).toContain("not the number 9007199254740992");
		expect(refused('"vlan":1e4')).toBe("invalid VLAN ID 10000 (must be between 0 and 4094)");
	});

	test("keys that JavaScript knows are keys like any other", () => {
		const fragment =
			'"__proto__":{"mtu":"x","bridge":5},"constructor":{"prototype":{"mtu":"x"}},"toString":1,"valueOf":null';
		expect(refused(fragment)).toContain('failed to open netns "/nope"');
		expect(refused(`"ipam":{${fragment}}`)).toContain('failed to open netns "/nope"');
	});

	test("names of interfaces that the kernel would cut or refuse", () => {
		expect(refused('"bridge":"br0\\u0000x"')).toContain('"bridge" must be a string without NUL');
		expect(refused('"bridge":"a;rm -rf /"')).toContain("interface name contains / or : or whitespace characters");
		expect(refused('"bridge":"sixteen-bytes-xx"')).toContain("interface name is too long");
	});

	test("an IPAM type is a file's name, not a path", () => {
		const container = world.container();
		for (const ipam of ["../../bin/sh", "/bin/sh"]) {
			const config = { ...valid, bridge: "cst-none", ipam: { type: ipam } };
			expect(errorOf(run({ type: "bridge", config, netns: container }))?.msg).toBe(`invalid plugin name: ${ipam}`);
		}
		const config = { ...valid, bridge: "cst-none", ipam: { type: "%s%n" } };
		const error = errorOf(run({ type: "bridge", config, netns: container }));
		expect(error?.msg).toBe(`failed to find plugin "%s%n" in path [${distribution}]`);
	});
});

describe("names in the environment", () => {
	test.each(["a\nb", "abc\n", "a b", 'a"b', "a'b", "a/b", "../a", "a;b", "$(id)", "\u202ea", "é", "%n%s"])(
		"container id %j",
		(containerId) => {
			const expected = { code: 4, msg: "invalid characters in containerID", details: containerId };
			expect(errorOf(run({ containerId }))).toEqual(expected);
		},
	);

	test.each(["a\nb", "a\tb", "a\u00a0b", "a\u0085b", "a\u2028b", "a/b", "a:b", "eth0\n"])("interface %j", (ifName) => {
		expect(errorOf(run({ ifName }))).toMatchObject({
			code: 4,
			msg: "interface name contains / or : or whitespace characters",
		});
	});

	test("an interface's name of bytes that are not UTF-8", () => {
		const program = join(distribution, "loopback");
		const set = 'CNI_IFNAME=$(printf "a\\377b") exec "$0"';
		const { stdout } = attemptIn(world.host, ["sh", "-c", set, program], {
			env: environmentOf(callOf({})),
			input: "{}",
		});
		expect(JSON.parse(stdout)).toMatchObject({ code: 4, msg: "interface name is not valid UTF-8" });
	});

	test.each(["%n%s", "eth%d"])("interface %j, which the kernel would take for a pattern", (ifName) => {
		expect(errorOf(run({ ifName }))).toMatchObject({ code: 4, msg: "interface name contains %" });
		expect(errorOf(run({ type: "bridge", config: { ...valid, bridge: ifName } }))?.msg).toContain("contains %");
	});

	test.each(['a"b', "a'b", "$(id)", "éè", "-a", "a;b", "a`b", "日本語"])(
		"interface %j is a name like any other",
		(ifName) => {
			const container = world.container();
			const config = { ...valid, bridge: "cst-names" };
			const call = { type: "bridge", config, netns: container, ifName };
			const result = run(call);
			expect([result.exitCode, result.stdout, result.stderr]).toEqual([0, expect.stringContaining('"cst-names"'), ""]);
			const prevResult = result.json;
			expect(run({ ...call, command: "CHECK", config: { ...config, prevResult } })).toMatchObject({ exitCode: 0 });
			expect(run({ ...call, command: "DEL", config: { ...config, prevResult } })).toMatchObject({ exitCode: 0 });
			attemptIn(world.host, ["ip", "link", "del", "cst-names"]);
		},
	);
});

describe.each(["loopback", "bridge"])("CNI_NETNS of %s", (type) => {
	test.each<[string, string, (path: string) => string]>([
		["a directory", "/tmp", (path) => `unknown FS magic on "${path}"`],
		["a regular file", "/etc/passwd", (path) => `unknown FS magic on "${path}"`],
		["a device without end", "/dev/zero", (path) => `unknown FS magic on "${path}"`],
		["a FIFO that nobody writes to", "FIFO", (path) => `unknown FS magic on "${path}"`],
		["another kind of namespace", "/proc/self/ns/mnt", (path) => `"${path}" is not a network namespace`],
		["another file of /proc", "/proc/self/status", (path) => `"${path}" is not a network namespace`],
		["nothing", "/run/netns/cst-no-such", (path) => `failed to Statfs "${path}": no such file or directory`],
		["nothing below a file", "/etc/passwd/x", (path) => `failed to Statfs "${path}": not a directory`],
		["a relative path", "netns", (path) => `failed to Statfs "${path}": no such file or directory`],
		["a path with a newline", "/tmp/a\nb", (path) => `failed to Statfs "${path}": no such file or directory`],
		["a path too long", `/${"a".repeat(5000)}`, (path) => `failed to Statfs "${path}": file name too long`],
	])("%s is refused by ADD, and is nothing to do for DEL", (_, given, reason) => {
		const netns = given === "FIFO" ? join(world.directory, "fifo") : given;
		if (given === "FIFO") attemptIn(world.host, ["mkfifo", netns]);
		const error = errorOf(run({ type, netns }));
		expect(error).toMatchObject({
			code: 8,
			details: expect.stringMatching(/^CNI_NETNS must name a network namespace/),
		});
		expect(error?.msg).toContain(`failed to open netns "${netns}": ${reason(netns)}`);
		expect(run({ type, netns, command: "DEL" })).toMatchObject({ exitCode: 0, stdout: "" });
	});

	test("the host's own is refused by both before anything is done", () => {
		const netns = world.host;
		const expected = { code: 8, msg: "plugin's netns and netns from CNI_NETNS should not be the same" };
		expect(errorOf(run({ type, netns }))).toMatchObject(expected);
		expect(errorOf(run({ type, netns, command: "DEL" }))).toMatchObject(expected);
		expect(leftovers(world)).toEqual([]);
	});
});

describe("stdin, stdout and stderr that are not what they should be", () => {
	/** Runs loopback through a shell that has put its files in place. */
	function shell(redirections: string, call: Partial<PluginCall> = {}) {
		const script = `printf '{"cniVersion":"1.1.0","name":"n"}' | "$0" ${redirections}`;
		const [program = "", ...args] = enter(world.host, ["sh", "-c", script, join(distribution, "loopback")]);
		return spawnSync(program, args, { env: environmentOf(callOf(call)), encoding: "utf8", timeout: 10_000 });
	}

	test("stdin is closed", () => {
		const error = JSON.parse(shell("<&-").stdout);
		expect(error).toMatchObject({ code: 5, msg: expect.stringContaining("bad file descriptor") });
	});

	test("stdin is a directory", () => {
		const error = JSON.parse(shell("</tmp").stdout);
		expect(error).toMatchObject({
			code: 5,
			msg: expect.stringMatching(/^error reading from stdin: read: is a directory/),
		});
	});

	test.each([
		["full", ">/dev/full", "no space left on device"],
		["a pipe that nobody reads", "| true", "broken pipe"],
	])("stdout is %s: the answer is told on stderr, in one message", (_, redirection, reason) => {
		const delayed = redirection === "| true" ? `; } ${redirection}` : redirection;
		const script = redirection === "| true" ? `{ sleep 0.2; "$0" ${delayed}` : `"$0" ${delayed}`;
		const [program = "", ...args] = enter(world.host, ["sh", "-c", script, join(distribution, "loopback")]);
		const env = environmentOf(callOf({}));
		const { stderr, status } = spawnSync(program, args, { env, input: JSON.stringify(valid), encoding: "utf8" });
		if (redirection !== "| true") expect(status).toBe(1);
		expect(stderr).toMatch(/^loopback: Cannot write the answer to stdout: /);
		expect(stderr).toContain(reason);
		expect(stderr).toContain('failed to open netns \\"/nope\\"');
		expect(stderr).not.toContain("node:fs");
	});

	test("stdout is closed: nobody hears the answer, but nothing else is written to in its stead", () => {
		const file = join(world.directory, "untouched");
		writeFileSync(file, "mine");
		expect(shell(">&-").status).toBe(1);
	});

	test.each([
		["is full", "/dev/full", "no space left on device"],
		["is a directory", "/tmp", "is a directory"],
		["is a FIFO that nobody reads", "FIFO", "no such device or address"],
	])("the log %s: the command succeeds, and says so", (_, given, reason) => {
		const path = given === "FIFO" ? join(world.directory, "log-fifo") : given;
		if (given === "FIFO") attemptIn(world.host, ["mkfifo", path]);
		const { exitCode, stderr } = run({ command: "DEL", netns: undefined, env: { CNI_SUITE_LOG: path } });
		expect(exitCode).toBe(0);
		expect(stderr).toContain(`Cannot write the log "${path}": `);
		expect(stderr).toContain(reason);
	});

	test("stderr is full: a warning that cannot be written keeps no DEL from its work", () => {
		const { status, stdout } = shell("2>/dev/full", { command: "DEL", netns: "/tmp" });
		expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
	});
});

function callOf(call: Partial<PluginCall>): PluginCall {
	return { world, type: "loopback", command: "ADD", netns: "/nope", config: valid, ...call };
}
