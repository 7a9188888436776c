import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { attempt, type Outcome } from "../support/namespace.ts";
import { distribution } from "../support/paths.ts";
import { addressesOf, callHostLocal, type HostLocalCall, mustCall, mustFail } from "./host-local-call.ts";

let root: string;
let dataDir: string;

beforeEach(() => {
	root = mkdtempSync(join(tmpdir(), "cst-host-local-"));
	dataDir = join(root, "data");
});
afterEach(() => rmSync(root, { recursive: true }));

const dualStack = [[{ subnet: "10.1.2.0/24" }], [{ subnet: "fd00:1::/64" }]];
const routes = [{ dst: "0.0.0.0/0" }, { dst: "::/0" }];

interface Network {
	readonly ranges?: object;
	readonly cniVersion?: string;
}

/** A call as it comes from Mesos, which leaves the version out; results are read in the newest here. */
function call(networkInfo: object, { ranges = dualStack, cniVersion = "1.1.0" }: Network = {}) {
	return {
		config: {
			cniVersion,
			name: "mynet",
			type: "bridge",
			args: { "org.apache.mesos": { network_info: { name: "mynet", ...networkInfo } } },
			ipam: { type: "host-local", dataDir, ranges, routes },
		},
	};
}

const added = (networkInfo: object, more: Partial<HostLocalCall> & Network = {}) =>
	addressesOf(mustCall({ ...call(networkInfo, more), command: "ADD", ...more }));

const refused = (networkInfo: object, more: Partial<HostLocalCall> & Network = {}) =>
	mustFail({ ...call(networkInfo, more), command: "ADD", ...more });

/** Nothing is reserved, and nothing is kept beside. */
function expectNothing(): void {
	const names = existsSync(join(dataDir, "mynet")) ? readdirSync(join(dataDir, "mynet")) : [];
	expect(names.filter((name) => /^[0-9a-f]+[.:]/.test(name))).toEqual([]);
	expect(tagFiles()).toEqual([]);
}

function tagFiles(): string[] {
	const directory = join(dataDir, ".cni-suite/mynet/tags");
	return existsSync(directory) ? readdirSync(directory) : [];
}

const cnictl = (args: readonly string[]): Outcome => attempt([join(distribution, "cnictl"), ...args]);

const v4 = { protocol: "IPv4" };
const v6 = { protocol: "IPv6" };
const at = (ip_address: string) => ({ protocol: "IPv4", ip_address });

describe("host-local, asked by Mesos for addresses", () => {
	test.each<[string, object[], string[]]>([
		["nothing: whatever the network gives", [], ["10.1.2.2/24", "fd00:1::2/64"]],
		["any, which Mesos writes as IPv4: the same", [v4], ["10.1.2.2/24", "fd00:1::2/64"]],
		["IPv6: only this", [v6], ["fd00:1::2/64"]],
		["both families: both", [v4, v6], ["10.1.2.2/24", "fd00:1::2/64"]],
		["a static one: this and what the network gives beside", [at("10.1.2.77")], ["10.1.2.77/24", "fd00:1::2/64"]],
		["a static one of IPv6, whatever the protocol says", [at("fd00:1::77")], ["10.1.2.2/24", "fd00:1::77/64"]],
		["a static one of each", [at("fd00:1::7"), at("10.1.2.7")], ["10.1.2.7/24", "fd00:1::7/64"]],
	])("%s", (_, ip_addresses, expected) => {
		expect(added({ ip_addresses })).toEqual(expected);
	});

	test("an IPv6 address alone comes without routes of IPv4, and leaves the cursor of the IPv4 range alone", () => {
		const result = mustCall({ ...call({ ip_addresses: [v6] }), command: "ADD" });
		expect(result.routes).toEqual([{ dst: "::/0" }]);
		expect(readdirSync(join(dataDir, "mynet")).sort()).toEqual(["fd00:1::2", "last_reserved_ip.1", "lock"]);
	});

	test("IPv4, which may mean any, is met by a network of IPv6 alone", () => {
		expect(added({ ip_addresses: [v4] }, { ranges: [[{ subnet: "fd00:1::/64" }]] })).toEqual(["fd00:1::2/64"]);
	});

	test("in Mesos's own version", () => {
		const { stdout } = callHostLocal({
			...call({ ip_addresses: [at("fd00:1::5")] }, { cniVersion: "" }),
			command: "ADD",
		});
		expect(JSON.parse(stdout)).toMatchObject({ ip4: { ip: "10.1.2.2/24" }, ip6: { ip: "fd00:1::5/64" } });
	});

	test("outside of the ranges: refused, and nothing allocated", () => {
		expect(refused({ ip_addresses: [at("10.9.9.9")] })).toMatchObject({
			code: 7,
			msg: "failed to allocate all requested IPs: 10.9.9.9",
			details: expect.stringContaining("10.1.2.1-10.1.2.254; fd00:1::1-"),
		});
		expectNothing();
	});

	test("taken: refused with the holder's name, and nothing allocated", () => {
		added({ ip_addresses: [at("fd00:1::9")] }, { id: "first" });
		expect(refused({ ip_addresses: [at("fd00:1::9")] }, { id: "second" })).toMatchObject({
			code: 11,
			msg: expect.stringContaining("requested IP address fd00:1::9 is not available"),
			details: expect.stringContaining('Container "first" (interface "eth0") holds it'),
		});
		mustCall({ ...call({}), command: "DEL", id: "first" });
		expectNothing();
	});

	test.each<[string, object[], RegExp]>([
		["two of one family", [at("10.1.2.3"), at("10.1.2.4")], /"10\.1\.2\.3" and "10\.1\.2\.4" are both IPv4/],
		["no address", [at("10.1.2.300")], /ip_addresses\[0\]\.ip_address": "10\.1\.2\.300" is no IP address/],
		["the gateway", [at("10.1.2.1")], /requested ip 10\.1\.2\.1 is subnet's gateway/],
		["an unknown family", [{ protocol: "IPX" }], /must be IPv4 or IPv6/],
	])("%s: refused, and nothing allocated", (_, ip_addresses, msg) => {
		expect(refused({ ip_addresses, groups: ["g"] }).msg).toMatch(msg);
		expectNothing();
	});

	test("a family that the network does not have: refused, and nothing allocated", () => {
		expect(refused({ ip_addresses: [v4, v6] }, { ranges: [[{ subnet: "10.1.2.0/24" }]] })).toMatchObject({
			code: 7,
			msg: "Cannot give an IPv6 address: the network has none",
		});
		expectNothing();
	});
});

describe("tags of a reservation", () => {
	const labels = { labels: [{ key: "app", value: "web" }, { key: "canary" }] };

	test("stand beside the reference's files, and go with DEL", () => {
		added({ labels, groups: ["prod", "edge"] });
		expect(readFileSync(join(dataDir, "mynet/10.1.2.2"), "utf8")).toBe("dummy\r\neth0");
		expect(readdirSync(join(dataDir, "mynet")).sort()).toEqual(
			["10.1.2.2", "fd00:1::2", "last_reserved_ip.0", "last_reserved_ip.1", "lock"].sort(),
		);
		expect(tagFiles()).toEqual(["dummy:eth0"]);
		mustCall({ ...call({}), command: "DEL" });
		expectNothing();
	});

	test("are not kept where there are none", () => {
		added({ labels: {}, groups: [] });
		expect(existsSync(join(dataDir, ".cni-suite/mynet/tags"))).toBe(false);
	});

	test("go with GC, those of valid attachments stay, and damaged ones go", () => {
		added({ groups: ["a"] }, { id: "one" });
		added({ groups: ["b"] }, { id: "two" });
		writeFileSync(join(dataDir, ".cni-suite/mynet/tags/three:eth0"), "{");
		writeFileSync(join(dataDir, ".cni-suite/mynet/tags/.four:eth0"), "{");
		const { config } = call({});
		const valid = [{ containerID: "two", ifname: "eth0" }];
		mustCall({ config: { ...config, "cni.dev/valid-attachments": valid }, command: "GC" });
		expect(tagFiles()).toEqual(["two:eth0"]);
	});

	test("may be missing or damaged without harm", () => {
		added({ labels }, { id: "one" });
		added({ labels }, { id: "two" });
		rmSync(join(dataDir, ".cni-suite/mynet/tags/one:eth0"));
		writeFileSync(join(dataDir, ".cni-suite/mynet/tags/two:eth0"), "\0\0");
		expect(listed().map(({ containerId, labels: found }) => [containerId, found])).toEqual([
			["one", []],
			["two", []],
			["one", []],
			["two", []],
		]);
		for (const id of ["one", "two"]) mustCall({ ...call({}), command: "DEL", id });
		expectNothing();
	});

	test("are listed by cnictl, and found by label and group", () => {
		added({ labels, groups: ["prod", "edge"] }, { id: "one", ranges: [[{ subnet: "10.1.2.0/24" }]] });
		added({ groups: ["prod"] }, { id: "two", ranges: [[{ subnet: "10.1.2.0/24" }]] });
		added({}, { id: "three", ranges: [[{ subnet: "10.1.2.0/24" }]] });
		const ids = (...args: string[]) => listed(...args).map(({ containerId }) => containerId);
		expect(ids()).toEqual(["one", "two", "three"]);
		expect(ids("--group", "prod")).toEqual(["one", "two"]);
		expect(ids("--group", "prod", "--group", "edge")).toEqual(["one"]);
		expect(ids("--label", "app")).toEqual(["one"]);
		expect(ids("--label", "app=web", "--label", "canary")).toEqual(["one"]);
		expect(ids("--label", "app=db")).toEqual([]);
		expect(listed("--label", "app=web")).toEqual([
			{
				network: "mynet",
				address: "10.1.2.2",
				containerId: "one",
				ifName: "eth0",
				labels: [{ key: "app", value: "web" }, { key: "canary" }],
				groups: ["prod", "edge"],
			},
		]);
		expect(cnictl(["addresses", "mynet", "--data-dir", dataDir]).stdout).toBe(
			[
				"NETWORK  ADDRESS   CONTAINER  INTERFACE  LABELS          GROUPS",
				"mynet    10.1.2.2  one        eth0       app=web,canary  prod,edge",
				"mynet    10.1.2.3  two        eth0       -               prod",
				"mynet    10.1.2.4  three      eth0       -               -",
				"",
			].join("\n"),
		);
	});

	test("cannot fake lines or cells of the listing", () => {
		const value = 'x\nmynet 10.1.2.9 "\u001b[2J\u202e';
		added({ labels: { labels: [{ key: "a,b=c", value }] }, groups: ["two words"] });
		const { stdout } = cnictl(["addresses", "--data-dir", dataDir]);
		expect(stdout.trimEnd().split("\n")).toHaveLength(3);
		expect(stdout).toContain('"a,b=c"="x\\nmynet 10.1.2.9 \\"\\u001b[2J\\u{202e}"  "two words"');
	});

	test("of a network that is not there: an error", () => {
		added({});
		expect(cnictl(["addresses", "other", "--data-dir", dataDir])).toMatchObject({
			exitCode: 1,
			stderr: expect.stringContaining('Cannot list the addresses of "other"'),
		});
		expect(cnictl(["addresses", "--data-dir", join(root, "none")])).toMatchObject({ exitCode: 0 });
	});

	interface Listed {
		readonly containerId: string;
		readonly labels: readonly object[];
	}

	function listed(...args: string[]): readonly Listed[] {
		const { stdout, stderr } = cnictl(["addresses", "mynet", "--data-dir", dataDir, "--json", ...args]);
		expect(stderr).toBe("");
		return JSON.parse(stdout).addresses;
	}
});
