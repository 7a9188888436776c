import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { specVersions } from "../../lib/cni/version.ts";
import { addressesOf, callHostLocal, mustCall, mustFail } from "./host-local-call.ts";

let root: string;
let dataDir: string;

beforeEach(() => {
	root = mkdtempSync(join(tmpdir(), "cst-host-local-"));
	dataDir = join(root, "data");
});
afterEach(() => rmSync(root, { recursive: true }));

const path = (name: string) => join(dataDir, name);
const read = (name: string) => readFileSync(path(name), "utf8");

interface Extra {
	readonly name?: string;
	readonly ipam?: object;
	readonly [key: string]: unknown;
}

function config(cniVersion: string, { ipam, ...extra }: Extra = {}): object {
	return {
		cniVersion,
		name: "mynet",
		type: "ipvlan",
		master: "foo0",
		...extra,
		ipam: { type: "host-local", dataDir, ...ipam },
	};
}

const ranges = (...sets: string[][]) => ({ ranges: sets.map((set) => set.map((subnet) => ({ subnet }))) });

describe.each(specVersions)("host-local, version %s", (version) => {
	const isLegacy = version === "0.1.0" || version === "0.2.0";

	test("ADD gives an address of each set, with routes and resolvConf; DEL takes them back", () => {
		const resolvConf = join(root, "resolv.conf");
		writeFileSync(resolvConf, "nameserver 192.0.2.3\n");
		const routes = [
			{ dst: "0.0.0.0/0" },
			{ dst: "::/0" },
			{ dst: "192.168.0.0/16", gw: "1.1.1.1" },
			{ dst: "2001:db8:2::0/64", gw: "2001:db8:3::1" },
		];
		const sets = ranges(["10.1.2.0/24", "10.2.2.0/24"], ["2001:db8:1::0/64"]);
		const call = { config: config(version, { ipam: { ...sets, routes, resolvConf } }) };
		const { stdout } = callHostLocal({ ...call, command: "ADD" });
		const result = JSON.parse(stdout);

		const printedRoutes = routes.map((route) => ({ ...route, dst: route.dst.replace("2::0/", "2::/") }));
		if (isLegacy) {
			expect(result.ip4).toEqual({
				ip: "10.1.2.2/24",
				gateway: "10.1.2.1",
				routes: [printedRoutes[0], printedRoutes[2]],
			});
			expect(result.ip6).toEqual({
				ip: "2001:db8:1::2/64",
				gateway: "2001:db8:1::1",
				routes: [printedRoutes[1], printedRoutes[3]],
			});
		} else {
			expect(result.ips).toMatchObject([
				{ address: "10.1.2.2/24", gateway: "10.1.2.1" },
				{ address: "2001:db8:1::2/64", gateway: "2001:db8:1::1" },
			]);
			expect(result.routes).toEqual(printedRoutes);
			expect(stdout.includes(`"version":`)).toBe(version.startsWith("0."));
		}
		expect(result.dns).toEqual({ nameservers: ["192.0.2.3"] });
		expect([read("mynet/10.1.2.2"), read("mynet/2001:db8:1::2")]).toEqual(["dummy\r\neth0", "dummy\r\neth0"]);
		expect([read("mynet/last_reserved_ip.0"), read("mynet/last_reserved_ip.1")]).toEqual(["10.1.2.2", "2001:db8:1::2"]);

		mustCall({ ...call, command: "DEL" });
		expect(readdirSync(path("mynet")).sort()).toEqual(["last_reserved_ip.0", "last_reserved_ip.1", "lock"]);
	});

	test("the first ADD of a network has nothing to complain of", () => {
		const { stdout, stderr } = callHostLocal({
			command: "ADD",
			config: config(version, { ipam: { subnet: "10.1.2.0/24" } }),
		});
		expect(stdout + stderr).not.toContain("Error retrieving last reserved ip");
		expect(stderr).toBe("");
	});

	test("two interfaces of a container in two networks are released one by one", () => {
		const first = config(version, { name: "mynet0", ipam: { subnet: "10.1.2.0/24" } });
		const second = config(version, { name: "mynet1", ipam: { subnet: "10.2.2.0/24" } });
		expect(addressesOf(mustCall({ command: "ADD", config: first }))).toEqual(["10.1.2.2/24"]);
		expect(addressesOf(mustCall({ command: "ADD", config: second, ifName: "eth1" }))).toEqual(["10.2.2.2/24"]);
		mustCall({ command: "DEL", config: first });
		expect(existsSync(path("mynet0/10.1.2.2"))).toBe(false);
		expect(read("mynet1/10.2.2.2")).toBe("dummy\r\neth1");
		mustCall({ command: "DEL", config: second, ifName: "eth1" });
		expect(existsSync(path("mynet1/10.2.2.2"))).toBe(false);
	});

	test("a second ADD of the same attachment fails, and another container gets the next address", () => {
		const same = { config: config(version, { ipam: { subnet: "10.1.2.0/24" } }) };
		expect(addressesOf(mustCall({ ...same, command: "ADD" }))).toEqual(["10.1.2.2/24"]);
		const duplicate = "10.1.2.2 has been allocated to dummy, duplicate allocation is not allowed";
		expect(mustFail({ ...same, command: "ADD" }).msg).toContain(duplicate);
		expect(addressesOf(mustCall({ ...same, command: "ADD", id: "dummy1" }))).toEqual(["10.1.2.3/24"]);
		expect(mustFail({ ...same, command: "ADD" }).msg).toContain(duplicate);
		for (const id of ["dummy", "dummy1"]) mustCall({ ...same, command: "DEL", id });
		expect(readdirSync(path("mynet")).sort()).toEqual(["last_reserved_ip.0", "lock"]);
	});

	test("DEL removes a reservation in the format of older releases", () => {
		const same = { config: config(version, { ipam: { subnet: "10.1.2.0/24" } }) };
		mustCall({ ...same, command: "ADD" });
		writeFileSync(path("mynet/10.1.2.2"), "dummy", { mode: 0o644 });
		mustCall({ ...same, command: "DEL" });
		expect(existsSync(path("mynet/10.1.2.2"))).toBe(false);
	});

	test("DEL of an unknown container succeeds", () => {
		expect(callHostLocal({ command: "DEL", config: config(version, { ipam: { subnet: "10.1.2.0/24" } }) })).toEqual({
			exitCode: 0,
			stdout: "",
			stderr: "",
		});
	});

	test("an address can be requested", () => {
		const extra = { ipam: ranges(["10.1.2.0/24"]), args: { cni: { ips: ["10.1.2.88"] } } };
		expect(addressesOf(mustCall({ command: "ADD", config: config(version, extra) }))).toEqual(["10.1.2.88/24"]);
	});

	test("an address of each family can be requested", () => {
		const sets = ranges(["172.16.1.0/24", "10.1.2.0/24"], ["2001:db8:1::/48"]);
		const extra = { ipam: sets, args: { cni: { ips: ["10.1.2.88", "2001:db8:1::999"] } } };
		expect(addressesOf(mustCall({ command: "ADD", config: config(version, extra) }))).toEqual([
			"10.1.2.88/24",
			"2001:db8:1::999/48",
		]);
	});

	test("two addresses of a family can be requested from 0.3.0 on", () => {
		const extra = {
			ipam: ranges(["10.1.2.0/24"], ["10.1.3.0/24"]),
			args: { cni: { ips: ["10.1.2.88", "10.1.3.77"] } },
		};
		const call = { command: "ADD" as const, config: config(version, extra) };
		if (isLegacy)
			expect(mustFail(call).msg).toBe(`CNI version ${version} does not support more than 1 address per family`);
		else expect(addressesOf(mustCall(call))).toEqual(["10.1.2.88/24", "10.1.3.77/24"]);
	});

	test("two requested addresses of one set are refused, and nothing is reserved", () => {
		const extra = {
			ipam: ranges(["10.1.2.0/24"], ["10.1.3.0/24"]),
			args: { cni: { ips: ["10.1.2.88", "10.1.2.77"] } },
		};
		const { msg } = mustFail({ command: "ADD", config: config(version, extra) });
		expect(msg).toBe(
			isLegacy
				? `CNI version ${version} does not support more than 1 address per family`
				: "failed to allocate all requested IPs: 10.1.2.77",
		);
		expect(existsSync(dataDir)).toBe(false);
	});
});

describe("host-local, where the reference is weak", () => {
	test("a second ADD that requests an address never frees what the first one holds", () => {
		const ipam = ranges(["10.1.2.0/24"], ["10.1.3.0/24"]);
		mustCall({ command: "ADD", config: config("1.1.0", { ipam }) });
		const { msg } = mustFail({ command: "ADD", config: config("1.1.0", { ipam }), args: "IP=10.1.2.77" });
		expect(msg).toBe(
			"failed to allocate for range 0: 10.1.2.2 has been allocated to dummy, duplicate allocation is not allowed",
		);
		expect(readdirSync(path("mynet")).filter((name) => name.startsWith("10."))).toEqual(["10.1.2.2", "10.1.3.2"]);
	});

	test.each<[string, object, string]>([
		["no ranges", {}, ""],
		["ranges that are none", { ranges: [[{ subnet: "nonsense" }]] }, ""],
		["ranges of the wrong type", { ranges: "all" }, ""],
		["CNI_ARGS that nobody knows", ranges(["10.1.2.0/24"]), "K8S_POD_NAME=x"],
		["a resolvConf that is gone", { ...ranges(["10.1.2.0/24"]), resolvConf: "/no/such/file" }, ""],
	])("DEL releases with %s", (_name, ipam, args) => {
		mustCall({ command: "ADD", config: config("1.1.0", { ipam: ranges(["10.1.2.0/24"]) }) });
		mustCall({ command: "DEL", config: config("1.1.0", { ipam }), args });
		expect(existsSync(path("mynet/10.1.2.2"))).toBe(false);
	});

	test("an address that no range has any more is released", () => {
		mustCall({ command: "ADD", config: config("1.1.0", { ipam: { subnet: "10.1.2.0/24" } }) });
		mustCall({ command: "DEL", config: config("1.1.0", { ipam: { subnet: "10.9.0.0/24" } }) });
		expect(existsSync(path("mynet/10.1.2.2"))).toBe(false);
	});

	test("an exhausted range is named, with what is taken", () => {
		const same = config("1.1.0", { ipam: { subnet: "10.1.2.0/30" } });
		mustCall({ command: "ADD", config: same });
		expect(mustFail({ command: "ADD", config: same, id: "other" })).toMatchObject({
			code: 11,
			msg: "failed to allocate for range 0: no IP addresses available in range set: 10.1.2.1-10.1.2.2",
			details: expect.stringContaining("1 of 1 addresses are taken in 10.1.2.1-10.1.2.2"),
		});
	});

	test.each(["fifo", "/dev/zero"])("resolvConf that would never end is refused: %s", (kind) => {
		const path = kind === "fifo" ? join(root, "fifo") : kind;
		if (kind === "fifo") spawnSync("mkfifo", [path]);
		const extra = { ipam: { ...ranges(["10.1.2.0/24"]), resolvConf: path } };
		expect(mustFail({ command: "ADD", config: config("1.1.0", extra) })).toMatchObject({
			code: 7,
			msg: `open ${path}: not a regular file`,
		});
	});

	test("dataDir is made as the reference makes it, for everybody to look into", () => {
		mustCall({ command: "ADD", config: config("1.1.0", { ipam: ranges(["10.1.2.0/24"]) }) });
		expect(statSync(dataDir).mode & 0o777).toBe(0o755);
		expect(statSync(join(dataDir, "mynet")).mode & 0o777).toBe(0o755);
	});

	test("dataDir where nothing can be made is refused", () => {
		const refused = config("1.1.0", { ipam: { subnet: "10.1.2.0/24", dataDir: "/proc/x" } });
		expect(mustFail({ command: "ADD", config: refused })).toMatchObject({
			code: 5,
			msg: 'Cannot keep reservations in "/proc/x": no such file or directory',
		});
	});

	test("dataDir may be relative to the working directory", () => {
		const same = { config: config("1.1.0", { ipam: { subnet: "10.1.2.0/24", dataDir: "state" } }), cwd: root };
		mustCall({ ...same, command: "ADD" });
		expect(readFileSync(join(root, "state/mynet/10.1.2.2"), "utf8")).toBe("dummy\r\neth0");
		mustCall({ ...same, command: "DEL" });
		expect(existsSync(join(root, "state/mynet/10.1.2.2"))).toBe(false);
	});

	test.each(["../../../etc/passwd", "10.1.2.2/../../x", "10.1.2.2 ", "::ffff:10.1.2.2%lo"])(
		"a tenant's request for %j is refused, and nothing is made",
		(text) => {
			const extra = { ipam: ranges(["10.1.2.0/24"]), args: { cni: { ips: [text] } } };
			expect(mustFail({ command: "ADD", config: config("1.1.0", extra) })).toMatchObject({
				code: 7,
				msg: `invalid IP address ${text}`,
			});
			expect(readdirSync(root)).toEqual([]);
		},
	);
});

describe("a dataDir that is none", () => {
	const ipam = { subnet: "10.1.2.0/24" };

	test("is named by ADD, with the cause", () => {
		writeFileSync(dataDir, "a file");
		expect(mustFail({ command: "ADD", config: config("1.1.0", { ipam }) })).toMatchObject({
			code: 5,
			msg: `Cannot keep reservations in "${dataDir}": not a directory`,
		});
	});

	test("holds nothing that DEL or GC could release", () => {
		writeFileSync(dataDir, "a file");
		mustCall({ command: "DEL", config: config("1.1.0", { ipam }) });
		mustCall({ command: "GC", config: config("1.1.0", { ipam, "cni.dev/valid-attachments": [] }) });
	});
});

describe("CHECK", () => {
	const ipam = ranges(["10.1.2.0/24"], ["2001:db8:1::/64"]);
	const check = (prevResult: object, id = "dummy") => ({
		command: "CHECK" as const,
		config: config("1.1.0", { ipam, prevResult }),
		id,
	});

	test("succeeds after ADD, also with addresses of other ranges in prevResult", () => {
		const result = mustCall({ command: "ADD", config: config("1.1.0", { ipam }) });
		mustCall(check(result));
		mustCall(check({ ...result, ips: [...(result.ips ?? []), { address: "192.0.2.1/24" }] }));
	});

	test.each(["10.1.2.2", "2001:db8:1::2"])("names %s when its reservation is gone", (address) => {
		const result = mustCall({ command: "ADD", config: config("1.1.0", { ipam }) });
		rmSync(path(`mynet/${address}`));
		expect(mustFail(check(result)).msg).toBe(
			`host-local: Failed to find address ${address} added by container dummy: it is not reserved`,
		);
	});

	test("names the holder when another container has the address", () => {
		const result = mustCall({ command: "ADD", config: config("1.1.0", { ipam }) });
		writeFileSync(path("mynet/10.1.2.2"), "thief\r\neth0");
		writeFileSync(path("mynet/2001:db8:1::9"), "dummy\r\neth0");
		expect(mustFail(check(result)).msg).toContain(`container "thief" holds it`);
	});

	test("of a container that has nothing uses the reference's words", () => {
		expect(mustFail(check({ cniVersion: "1.1.0", ips: [] }, "unknown")).msg).toBe(
			"host-local: Failed to find address added by container unknown",
		);
		expect(existsSync(dataDir)).toBe(false);
	});
});

describe("GC", () => {
	test("releases what no valid attachment holds, and only that", () => {
		const ipam = { subnet: "10.1.2.0/24" };
		for (const id of ["a", "b", "c"]) mustCall({ command: "ADD", config: config("1.1.0", { ipam }), id });
		mustCall({ command: "ADD", config: config("1.1.0", { ipam }), id: "b", ifName: "eth1" });
		writeFileSync(path("mynet/10.1.2.100"), "b");
		writeFileSync(path("mynet/10.1.2.101"), "gone");
		writeFileSync(path("mynet/10.1.2.102"), "");
		const valid = [
			{ containerID: "b", ifname: "eth0" },
			{ containerID: "c", ifname: "eth0" },
		];
		const { exitCode, stdout, stderr } = callHostLocal({
			command: "GC",
			config: config("1.1.0", { ipam, "cni.dev/valid-attachments": valid }),
		});
		expect([exitCode, stdout]).toEqual([0, ""]);
		expect(stderr).toContain(": 10.1.2.2 10.1.2.5 10.1.2.101\n");
		expect(
			readdirSync(path("mynet"))
				.filter((name) => name.startsWith("10."))
				.sort(),
		).toEqual(["10.1.2.100", "10.1.2.3", "10.1.2.4"]);
	});

	test("of a network that was never used makes nothing", () => {
		mustCall({
			command: "GC",
			config: config("1.1.0", { ipam: { subnet: "10.1.2.0/24" }, "cni.dev/valid-attachments": [] }),
		});
		expect(existsSync(dataDir)).toBe(false);
	});
});

describe("STATUS", () => {
	const status = (ipam: object) => ({ command: "STATUS" as const, config: config("1.1.0", { ipam }) });

	test("is well while every set has a free address, and makes nothing", () => {
		mustCall(status(ranges(["10.1.2.0/24"], ["2001:db8:1::/64"])));
		expect(existsSync(dataDir)).toBe(false);
	});

	test("says which set has none", () => {
		const ipam = ranges(["10.1.2.0/24"], ["10.1.3.0/30"]);
		mustCall({ command: "ADD", config: config("1.1.0", { ipam }) });
		expect(mustFail(status(ipam))).toMatchObject({
			code: 50,
			msg: "no IP addresses available in range set: 10.1.3.1-10.1.3.2",
			details: expect.stringContaining("1 of 1 addresses are taken"),
		});
	});

	test("refuses what ADD would refuse", () => {
		expect(mustFail(status({})).msg).toBe("no IP ranges specified");
		expect(mustFail(status({ subnet: "10.1.2.0/24", resolvConf: "/no/such/file" })).msg).toContain(
			"open /no/such/file",
		);
	});

	test("says when dataDir cannot be used", () => {
		writeFileSync(dataDir, "a file");
		expect(mustFail(status({ subnet: "10.1.2.0/24" }))).toMatchObject({
			code: 50,
			msg: `Cannot keep reservations in "${dataDir}": "${dataDir}" is not a directory`,
		});
	});
});

describe("conf-examples", () => {
	test.each([
		["host-local.conf", ["10.22.1.0/16"]],
		["host-local-dual-stack.conf", ["10.23.0.2/17", "fd00:10:23::2/64"]],
	])("%s", (name, expected) => {
		const example = JSON.parse(readFileSync(join(__dirname, "../../conf-examples", name), "utf8"));
		const here = { ...example, ipam: { ...example.ipam, dataDir } };
		expect(addressesOf(mustCall({ command: "ADD", config: here }))).toEqual(expected);
		mustCall({ command: "STATUS", config: { ...here, cniVersion: "1.1.0" } });
		mustCall({ command: "DEL", config: here });
	});
});
