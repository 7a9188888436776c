import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { transact } from "../../lib/etcd/kv.ts";
import { makeCertificates } from "../support/certificates.ts";
import { type Etcd, keysNow, startEtcd } from "../support/etcd.ts";
import { attemptIn, type Namespace, type Outcome } from "../support/namespace.ts";
import { systemPath } from "../support/paths.ts";
import { runPlugin } from "../support/run-plugin.ts";
import { createWorld, type World } from "../support/world.ts";
import { cnictl } from "./runtime-client.ts";

let world: World;
let etcd: Etcd;
let container: Namespace;

const hostile = "evil\u001b[2J\nname";

beforeAll(async () => {
	world = createWorld();
	container = world.container();
	etcd = await startEtcd(world.host);
	mkdirSync(join(world.directory, "net.d"));
	write("files", hostLocal);
	write("shared", { ...clusterIpam("a1"), ranges: [[{ subnet: "10.213.9.0/24" }], [{ subnet: "fd00:213:9::/64" }]] });
	write("gone", { ...clusterIpam("a1"), endpoints: ["http://127.0.0.1:1"] });
});
afterAll(async () => {
	await etcd[Symbol.asyncDispose]();
	world.dispose();
});

const hostLocal = { type: "host-local", ranges: [[{ subnet: "10.213.10.0/26" }]] };

function clusterIpam(agent: string) {
	const ranges = [[{ subnet: "10.213.9.0/24" }], [{ subnet: "fd00:213:9::/64" }]];
	const dataDir = join(world.directory, agent);
	return {
		type: "cluster",
		agent,
		dataDir,
		endpoints: [etcd.url],
		blocks: { ipv4: 28 },
		cooldown: 300,
		ranges,
		timeout: 2,
	};
}

const directoriesOf = { "host-local": () => world.dataDir, cluster: () => join(world.directory, "a1") };

type Ipam = { readonly type: string } & Readonly<Record<string, unknown>>;

function configOf(name: string, ipam: Ipam): object {
	const dataDir = directoriesOf[ipam.type as keyof typeof directoriesOf]();
	return { cniVersion: "1.1.0", name, type: "bridge", ipam: { dataDir, ...ipam } };
}

function write(name: string, ipam: Ipam): void {
	writeFileSync(join(world.directory, "net.d", `${name}.conf`), JSON.stringify(configOf(name, ipam)));
}

function call(command: "ADD" | "DEL", name: string, ipam: Ipam, containerId: string, labels: object[] = []): void {
	const args = { "org.apache.mesos": { network_info: { labels: { labels } } } };
	const config = { ...configOf(name, ipam), args };
	const { exitCode, stdout } = runPlugin({ world, type: ipam.type, command, netns: container, containerId, config });
	if (exitCode !== 0) throw new Error(stdout);
}

function ipam(...args: readonly string[]): Outcome {
	const env = { PATH: systemPath, NETCONFPATH: join(world.directory, "net.d") };
	return attemptIn(world.host, [cnictl, "ipam", ...args], { env });
}

const jsonOf = ({ stdout }: Outcome) => JSON.parse(stdout);

beforeAll(() => {
	for (const id of ["f1", "f2"]) call("ADD", "files", hostLocal, id);
	for (const id of ["c1", "c2", "c3"]) call("ADD", "shared", clusterIpam("a1"), id, [{ key: "app", value: hostile }]);
	call("DEL", "shared", clusterIpam("a1"), "c3");
	call("ADD", "shared", clusterIpam("a2"), "d1");
});

describe("show", () => {
	test("ranges, agents, blocks and a picture of what is given", () => {
		const { stdout, stderr, exitCode } = ipam("show", "shared", "files", "--blocks");
		expect([exitCode, stderr]).toEqual([0, ""]);
		const lines = stdout.split("\n").map((line) => line.replace(/ {2,}/g, "  "));
		for (const line of [
			"files  host-local  10.213.10.1-10.213.10.62  61  2  0  59  3%",
			"shared  cluster  10.213.9.1-10.213.9.254  253  3  1  249  1%",
			"shared  cluster  fd00:213:9::1-fd00:213:9:0:ffff:ffff:ffff:ffff  ~2^64  3  1  ~2^64  <1%",
			"shared  a1 (this)  -  2  4  0",
			"shared  10.213.9.16/28  a2  1  16",
			`10.213.10.0  g██${"·".repeat(59)}`,
			`10.213.9.0  g██~${"░".repeat(11)}█${"░".repeat(15)}${"·".repeat(32)}`,
		])
			expect(lines).toContain(line);
	});

	test("--json has the same, and what could not be looked at, which is also an error", () => {
		const outcome = ipam("show", "--json");
		expect(outcome.exitCode).toBe(1);
		expect(outcome.stderr).toContain('not seen: network "gone": Cannot reach etcd at "http://127.0.0.1:1"');
		const { networks, notSeen } = jsonOf(outcome);
		expect(notSeen).toHaveLength(1);
		expect(networks.find(({ network }: { network: string }) => network === "shared")).toMatchObject({
			ipam: "cluster",
			agent: "a1",
			held: 6,
			resting: 2,
			ranges: [{ start: "10.213.9.1", size: "253", held: 3 }, { size: "18446744073709551614" }],
			agents: [
				{ agent: "a1", blocks: 2, held: 4, heldInOtherBlocks: 0 },
				{ agent: "a2", blocks: 2, held: 2 },
			],
		});
	});

	test("where nothing could be looked at, nothing is said of what there is", () => {
		const net = join(world.directory, "away.d");
		mkdirSync(net);
		const config = configOf("gone", { ...clusterIpam("a1"), endpoints: ["http://127.0.0.1:1"] });
		writeFileSync(join(net, "gone.conf"), JSON.stringify(config));
		const away = (...args: readonly string[]) =>
			attemptIn(world.host, [cnictl, ...args], { env: { PATH: systemPath, NETCONFPATH: net } });
		for (const args of [["ipam", "show"], ["ipam", "pool", "list"], ["agents"]]) {
			const stderr = expect.stringMatching(/^not seen: .*"gone": Cannot reach etcd/);
			expect(away(...args)).toMatchObject({ exitCode: 1, stdout: "", stderr });
		}
		expect(away("ipam", "check")).toMatchObject({
			exitCode: 1,
			stdout: expect.stringMatching(/\nNothing is wrong, in what was seen\n$/),
		});
		expect(away("ipam", "find", "c1").stderr).toMatch(/^Nobody holds "c1", .* called so, in what was seen\nnot seen: /);
		expect(away("ipam", "release", "c1").stderr).toMatch(/: nothing is reserved .*, in what was seen\nnot seen: /);
		expect(away("agents", "release", "a9").stderr).toMatch(
			/: no cluster of this host knows it, in what was seen; .*\. Not seen: /,
		);
		expect(away("ipam", "pool", "add", "gone", "10.90.0.0/16").stderr).toMatch(
			/: etcd has nothing of it, in what was seen; .*\. Not seen: /,
		);
	});

	test("an unknown network is an error that names those there are", () => {
		const { exitCode, stderr } = ipam("show", "nix");
		expect([exitCode, stderr]).toEqual([1, expect.stringMatching(/"nix".*: files, gone, shared\./)]);
	});
});

describe("find", () => {
	const found = (...args: string[]) =>
		jsonOf(ipam("find", "-n", "shared", "-n", "files", "--json", ...args)).found.map(
			(each: Record<string, string>) => `${each.address} ${each.agent ?? ""} ${each.containerId} ${each.foundBy}`,
		);

	test("by address, container and label, on files and in etcd", () => {
		expect(found("10.213.10.2")).toEqual(["10.213.10.2  f1 address"]);
		expect(found("fd00:213:9::40")).toEqual(["fd00:213:9::40 a2 d1 address"]);
		expect(found("c2")).toEqual(["10.213.9.3 a1 c2 container", "fd00:213:9::3 a1 c2 container"]);
		expect(found("app")).toHaveLength(4);
		expect(found("app=other")).toEqual([]);
	});

	test("what tenants have chosen is quoted for the terminal", () => {
		const { stdout } = ipam("find", "-n", "shared", "10.213.9.2");
		expect(stdout).toContain('app="evil\\u001b[2J\\nname"');
		expect(stdout.split("\n")).toHaveLength(3);
	});

	test.each([
		["10.213.9.4", "10.213.9.4 of network shared rests after its release, in block 10.213.9.0/28 of agent a1\n"],
		["10.213.9.1", "10.213.9.1 of network shared is its gateway, which is given to nobody\n"],
		["10.213.9.99", "10.213.9.99 of network shared is free\n"],
	])("of %s, which nobody holds, it says why, and exits with 1", (address, text) => {
		expect(ipam("find", "-n", "shared", address)).toMatchObject({ exitCode: 1, stdout: text });
	});
});

describe("check", () => {
	const old = 1000;
	/** Some process on the machine may bear a short id as a word, which is a reason not to be sure. */
	const dead = `cst${process.pid}dead`;
	const put = async (...pairs: readonly [key: string, value: string][]) => {
		const root = "/cni-suite/network/broken/";
		await transact(etcd.gateway(), { success: pairs.map(([key, value]) => ({ put: root + key, value })) });
	};
	const record = (address: string, containerId: string, agent = "a1") =>
		JSON.stringify({ address, agent, time: old, containerId, ifName: "eth0", labels: [], groups: [] });
	const owner = (...addresses: string[]) => JSON.stringify({ addresses, call: "x" });
	const findings = (...args: string[]) =>
		jsonOf(ipam("check", "broken", "--json", ...args)).findings.map(
			(each: Record<string, string>) => `${each.certainty} ${each.outcome}: ${each.what}. ${each.remedy ?? ""}`,
		);

	test("what holds together is right, and what lives on other agents is left to them", () => {
		expect(ipam("check", "shared", "--min-age", "0").stdout).not.toContain("d1");
		write("empty", hostLocal);
		expect(ipam("check", "empty")).toEqual(expect.objectContaining({ exitCode: 0, stdout: "Nothing is wrong\n" }));
	});

	test("in etcd: addresses against owners, blocks against agents, and who is dead; --fix puts the sure ones right", async () => {
		write("broken", clusterIpam("a1"));
		const bridge = { world, type: "bridge", netns: world.container(), containerId: "alive" };
		const bridgeConfig = { ...configOf("broken", clusterIpam("a1")), bridge: "br0" };
		expect(runPlugin({ ...bridge, command: "ADD", config: bridgeConfig }).exitCode).toBe(0);
		await transact(etcd.gateway(), {
			success: [{ remove: { key: "/cni-suite/network/broken/address/4-0ad50902" } }],
		});
		await put(
			["address/4-0ad50905", record("10.213.9.5", dead)],
			[`agent/a1/owner/${dead}/eth0`, owner("10.213.9.5", "10.213.9.7")],
			["address/4-0ad50906", record("10.213.9.6", "orphan", "a2")],
			["address/4-0ad50907", record("10.213.9.7", "other", "a2")],
			["agent/a2/owner/other/eth0", owner("10.213.9.7")],
			["agent/a2/owner/far/eth0", owner("10.213.9.8")],
			["block/4-0ad50940-28", "a2"],
			["agent/a3/block/4-0ad50950-28", ""],
			["address/4-0ad50909", hostile],
			[`oth${hostile}er`, ""],
		);
		const sure = [
			"address 10.213.9.6, which neither DEL nor GC would find. add it to what its owner is known to hold",
			"address 10.213.9.2, which is free in etcd. reserve it for its owner again",
			"address 10.213.9.5. release it",
			'block 10.213.9.64/28 of agent "a2" is not among those that it looks into. add it to the index',
			'block 10.213.9.80/28 among those of agent "a3". take it out of the index',
		];
		const unsure = [
			"address 10.213.9.8, which is free in etcd. take it from what its owner is known to hold",
			"address 10.213.9.9, whose holder cannot be read. ",
			"a key that is none of ours. ",
		];
		const claimed =
			'address 10.213.9.7, which container "other" on agent "a2" holds. take it from what its owner is known to hold';
		const found = findings();
		for (const text of sure) expect(found).toContain(`sure found: ${text}`);
		for (const text of unsure) expect(found).toContain(`unsure found: ${text}`);
		expect(found.filter((text: string) => text.endsWith(claimed))).toHaveLength(1);
		const { stdout } = ipam("check", "broken");
		expect(stdout).not.toContain("\u001b");
		expect(stdout).toContain('Agent "a2" alone can tell whether its container lives.\n');
		const fixed = ipam("check", "broken", "--fix");
		expect(fixed.exitCode).toBe(1);
		expect(fixed.stdout).toMatch(/\n5 fixed, 4 left\n$/);
		expect(findings()).toEqual(unsure.map((text) => `unsure found: ${text}`));
		const keys = keysNow(etcd, "/cni-suite/network/broken");
		expect(keys.get("address/4-0ad50902")).toContain('"containerId":"alive"');
		expect(keys.get("agent/a2/owner/orphan/eth0")).toContain('"addresses":["10.213.9.6"]');
		expect([...keys.keys()].filter((key) => /dead|d50905|d50950/.test(key))).toEqual(["resting/4-0ad50905"]);
		expect(keys.get("agent/a2/block/4-0ad50940-28")).toBe("");
	});

	test("on files: who is dead, a second address, and an index that says something else", () => {
		write("local", hostLocal);
		call("ADD", "local", hostLocal, "c1");
		call("ADD", "local", hostLocal, dead);
		const directory = join(world.dataDir, "local");
		writeFileSync(join(directory, "10.213.10.9"), "c1\r\neth0");
		utimesSync(join(directory, "10.213.10.3"), 1, 1);
		const local = () =>
			jsonOf(ipam("check", "local", "--json")).findings.map(
				(each: Record<string, string>) => `${each.certainty}: ${each.what}`,
			);
		expect(local()).toEqual(
			expect.arrayContaining(["sure: address 10.213.10.3", "unsure: second address 10.213.10.9 beside 10.213.10.2"]),
		);
		expect(ipam("check", "local", "--fix").stdout).toMatch(
			/^fixed +reservation: address 10\.213\.10\.3 of cst\d+dead\/eth0 on local/m,
		);
		expect(existsSync(join(directory, "10.213.10.3"))).toBe(false);
		rmSync(join(directory, "10.213.10.9"));
		// Makes the index anew, which is then damaged.
		call("DEL", "local", hostLocal, "nobody");
		const owners = join(world.dataDir, ".cni-suite/local/owners");
		const [shard = ""] = readdirSync(owners);
		writeFileSync(join(owners, shard), "10.213.10.2 other eth0\n10.213.10.7 c7 eth0\n");
		const faults = [
			"sure: 10.213.10.2 is reserved for c1/eth0, and the index does not know it",
			"sure: 10.213.10.2 is reserved for c1/eth0, and the index says other/eth0",
			"sure: 10.213.10.7 is free, and the index says c7/eth0",
		];
		expect(local()).toEqual(expect.arrayContaining(faults));
		ipam("check", "local", "--fix");
		call("DEL", "local", hostLocal, "nobody");
		expect(readFileSync(join(owners, shard), "utf8")).toBe("10.213.10.2 c1 eth0\n");
	});
});

describe("release", () => {
	const ended = `cst${process.pid}ended`;
	const outcomesOf = (...args: string[]) =>
		jsonOf(ipam("release", "--json", ...args)).outcomes.map(
			(each: Record<string, unknown>) => `${each.outcome} ${each.addresses} ${each.reason ?? ""}`,
		);

	test("in etcd: both addresses of a container together, but not of one that may live", () => {
		write("released", clusterIpam("a1"));
		const attachment = { world, type: "bridge", netns: world.container(), containerId: ended };
		const config = { ...configOf("released", clusterIpam("a1")), bridge: "br1" };
		expect(runPlugin({ ...attachment, command: "ADD", config }).exitCode).toBe(0);
		call("ADD", "released", clusterIpam("a2"), "far");
		const held = () =>
			[...keysNow(etcd, "/cni-suite/network/released").keys()].filter((key) => /^address|owner/.test(key));
		expect(held()).toHaveLength(6);
		expect(ipam("release", "10.213.9.2", "-n", "released")).toMatchObject({
			exitCode: 1,
			stdout: `refused: 10.213.9.2 fd00:213:9::2 of ${ended}/eth0 on released: its container lives on this host. --force releases it nevertheless\n`,
		});
		expect(outcomesOf("far", "-n", "released")).toEqual([
			'refused 10.213.9.16,fd00:213:9::40 agent "a2" alone can tell whether its container lives',
		]);
		expect(held()).toHaveLength(6);
		expect(ipam("release", "fd00:213:9::2", "-n", "released", "--force")).toMatchObject({
			exitCode: 0,
			stdout: `released 10.213.9.2 fd00:213:9::2 of ${ended}/eth0 on released, although its container lives on this host\n`,
		});
		expect(held()).toHaveLength(3);
		expect(ipam("release", "fd00:213:9::2", "-n", "released")).toMatchObject({
			exitCode: 1,
			stderr: 'Cannot release what "fd00:213:9::2" holds: nothing is reserved by this name or address\n',
		});
	});

	test("on files: of a container that surely does not live any more", () => {
		write("local2", hostLocal);
		call("ADD", "local2", hostLocal, ended);
		expect(outcomesOf(ended, "-n", "local2")).toEqual([
			expect.stringMatching(/^refused 10\.213\.10\.2 it is not sure that its container is gone: it is \d+ s old/),
		]);
		utimesSync(join(world.dataDir, "local2", "10.213.10.2"), 1, 1);
		expect(outcomesOf(ended, "-n", "local2")).toEqual(["released 10.213.10.2 "]);
		expect(existsSync(join(world.dataDir, "local2", "10.213.10.2"))).toBe(false);
	});
});

describe("migrate", () => {
	const before = { type: "host-local", ranges: [[{ subnet: "10.213.9.0/24" }], [{ subnet: "fd00:213:9::/64" }]] };
	const label = { key: "app", value: "web" };
	const ended = `cst${process.pid}moved`;
	const migrate = (...args: string[]) => ipam("migrate", "moving", "--from", world.dataDir, ...args);
	const outcomes = (...args: string[]) =>
		jsonOf(migrate("--json", ...args)).attachments.map(
			(each: Record<string, unknown>) => `${each.containerId} ${each.addresses}: ${each.outcome} ${each.reason}`,
		);
	const held = () =>
		[...keysNow(etcd, "/cni-suite/network/moving")]
			.filter(([key]) => key.startsWith("address/"))
			.map(([, value]) => value);

	test("running containers keep their addresses and tags; what cannot be moved keeps everything from being moved", () => {
		call("ADD", "moving", before, "m1", [label]);
		call("ADD", "moving", before, "m2");
		call("ADD", "moving", before, ended);
		utimesSync(join(world.dataDir, "moving", "10.213.9.4"), 1, 1);
		utimesSync(join(world.dataDir, "moving", "fd00:213:9::4"), 1, 1);
		write("moving", clusterIpam("a1"));
		// On another agent, which was quicker.
		const requested = { ...clusterIpam("a2"), ranges: [[{ subnet: "10.213.9.0/24", rangeStart: "10.213.9.3" }]] };
		call("ADD", "moving", requested, "far");
		const conflict = migrate();
		expect(conflict).toMatchObject({
			exitCode: 1,
			stderr: expect.stringMatching(/^Cannot migrate to network "moving": not/),
		});
		expect(conflict.stdout).toMatch(
			/^conflict +10\.213\.9\.3,fd00:213:9::3 +m2 +eth0 +container "far" on agent "a2" holds 10\.213\.9\.3$/m,
		);
		expect(held()).toHaveLength(1);
		expect(ipam("release", "far", "--network", "moving", "--force").exitCode).toBe(0);

		const addresses = ["m1 10.213.9.2,fd00:213:9::2: ", "m2 10.213.9.3,fd00:213:9::3: "];
		const dead = `${ended} 10.213.9.4,fd00:213:9::4: dead it was made before the last boot, which no container outlives`;
		const all = (outcome: string) => [...addresses.map((text) => `${text}${outcome}`), dead].sort();
		expect(outcomes("--dry-run").sort()).toEqual(all("move "));
		expect(held()).toEqual([]);
		expect(outcomes().sort()).toEqual(all("moved "));
		expect(held()).toHaveLength(4);
		expect(held()[0]).toContain('"agent":"a1"');
		expect(held()[0]).toContain('"labels":[{"key":"app","value":"web"}]');
		expect(outcomes().sort()).toEqual(all("present etcd has it already"));
		call("DEL", "moving", clusterIpam("a1"), "m1");
		expect(held()).toHaveLength(2);
	});

	test("what older releases wrote, without an interface, is not guessed", () => {
		write("older", clusterIpam("a1"));
		mkdirSync(join(world.dataDir, "older"));
		writeFileSync(join(world.dataDir, "older", "10.213.9.9"), hostile.slice(0, 4));
		const { exitCode, stdout } = ipam("migrate", "older", "--from", world.dataDir);
		expect([exitCode, stdout]).toEqual([
			1,
			expect.stringMatching(/^conflict +10\.213\.9\.9 +evil +- +an older release has/m),
		]);
	});

	test("to a network whose IPAM is another, or from a directory without it, is an error that says so", () => {
		expect(ipam("migrate", "files", "--from", world.dataDir).stderr).toContain('"files": its IPAM is not cluster');
		expect(ipam("migrate", "shared", "--from", world.dataDir).stderr).toMatch(
			/it has no network "shared"; Networks there: .*files/,
		);
	});
});

describe("pool", () => {
	const pools = () =>
		jsonOf(ipam("pool", "list", "--json")).pools.map(
			(each: Record<string, unknown>) =>
				`${each.network} ${each.held} ${each.resting} ${each.blocks} ${each.configured} ${each.prefix}`,
		);

	test("list counts what etcd has, also of networks that are not configured here; remove wants nothing to be held", () => {
		const other = { ...clusterIpam("a1"), prefix: "/other" };
		write("configured", other);
		for (const name of ["configured", "retired"]) call("ADD", name, other, "p1");
		call("DEL", "retired", other, "p1");
		expect(pools()).toEqual(expect.arrayContaining(["configured 2 0 2 true /other", "retired 0 2 2 false /other"]));
		expect(ipam("pool", "list").stdout).toMatch(/^retired +0 +2 +2 +not configured here +\/other +http:/m);
		expect(ipam("pool", "remove", "configured")).toMatchObject({
			exitCode: 1,
			stderr: expect.stringMatching(/^Cannot remove pool "configured": addresses of it are held; 2 of them/),
		});
		expect(ipam("pool", "remove", "retired")).toMatchObject({
			exitCode: 0,
			stdout: "removed 2 blocks and 2 resting addresses of retired\n",
		});
		expect(pools()).not.toContainEqual(expect.stringContaining("retired"));
		expect(ipam("pool", "remove", "retired").stderr).toMatch(/^Cannot remove pool "retired": etcd has nothing of it/);
		expect(ipam("pool", "remove", "../x").stderr).toMatch(/^invalid characters found in network name/);
		// An agent that still believes in its blocks is told otherwise.
		call("ADD", "retired", other, "p2");
		expect(pools()).toContain("retired 2 0 2 false /other");
	});

	describe("added to a network", () => {
		const tiny = () => ({ ...clusterIpam("a1"), ranges: [[{ subnet: "10.40.0.0/30" }]], prefix: "/added" });
		const added = (name: string) =>
			jsonOf(ipam("pool", "list", "--json")).pools.find(
				({ network, prefix }: Record<string, unknown>) => network === name && prefix === "/added",
			)?.added;
		const poolKeys = () => [...keysNow(etcd, "/added/network").keys()].filter((key) => key.includes("/pool/"));

		test("agents take from it at once; list, show, find and check know it; it is removed when nobody holds an address", () => {
			write("tiny", tiny());
			call("ADD", "tiny", tiny(), "t1");
			expect(() => call("ADD", "tiny", tiny(), "t2")).toThrow("cnictl ipam pool add tiny SUBNET");
			expect(ipam("pool", "add", "tiny", "10.41.0.0/24", "--range-start", "10.41.0.10")).toEqual(
				expect.objectContaining({
					exitCode: 0,
					stdout: "added to tiny: 10.41.0.0/24, 245 addresses from 10.41.0.10-10.41.0.254 with gateway 10.41.0.1\n",
				}),
			);
			for (const id of ["t2", "t3"]) call("ADD", "tiny", tiny(), id);
			call("DEL", "tiny", tiny(), "t3");
			expect(added("tiny")).toEqual([
				{
					subnet: "10.41.0.0/24",
					start: "10.41.0.10",
					end: "10.41.0.254",
					gateway: "10.41.0.1",
					held: 1,
					resting: 1,
					blocks: 1,
				},
			]);
			expect(ipam("pool", "list").stdout).toMatch(
				/^tiny +10\.41\.0\.0\/24 +10\.41\.0\.10-10\.41\.0\.254 +10\.41\.0\.1 +1 +1 +1 +in use$/m,
			);
			const { stdout } = ipam("show", "tiny");
			expect(stdout).toMatch(/^tiny +cluster +10\.41\.0\.10-10\.41\.0\.254 \(pool\) +245 +1 +1 +243 +<1%$/m);
			expect(stdout).toMatch(/^10\.41\.0\.0 {12}█~/m);
			expect(stdout).not.toContain("outside");
			expect(jsonOf(ipam("show", "tiny", "--json")).networks[0]).toMatchObject({
				heldOutside: 0,
				ranges: [{ start: "10.40.0.1" }, { start: "10.41.0.10", pool: true, held: 1 }],
			});
			expect(ipam("find", "-n", "tiny", "10.41.0.11").stdout).toMatch(/^10\.41\.0\.11 of network tiny rests/);
			expect(ipam("check", "tiny", "--min-age", "3600").stdout).not.toContain("pool");
			expect(ipam("pool", "remove", "tiny", "10.41.0.0/24")).toMatchObject({
				exitCode: 1,
				stderr: expect.stringMatching(
					/^Cannot remove pool "10\.41\.0\.0\/24" of network "tiny": addresses of it are held; 1 of them: 10\.41\.0\.10 by container "t2" on agent "a1"\. DEL/,
				),
			});
			call("DEL", "tiny", tiny(), "t2");
			expect(ipam("pool", "remove", "tiny", "10.41.0.0/24").stdout).toBe(
				"removed 10.41.0.0/24 of tiny, with 1 block and 2 resting addresses\n",
			);
			expect(added("tiny")).toEqual([]);
			expect(() => call("ADD", "tiny", tiny(), "t2")).toThrow("no IP addresses available");
			expect(ipam("pool", "remove", "tiny", "10.41.0.0/24").stderr).toMatch(
				/"tiny": it was not added, or has been removed; Added pools: none\./,
			);
		});

		test("what is there is left, or given wider bounds; what agents could not use, or use wrongly, is refused", () => {
			write("strict", tiny());
			write("strict6", { ...tiny(), ranges: [[{ subnet: "fd40::/64" }]] });
			const wider = ["strict", "10.42.0.0/24", "--range-end", "10.42.0.20"];
			const outcomeOf = (...args: string[]) => jsonOf(ipam("pool", "add", "--json", ...args)).outcome;
			expect(outcomeOf("strict", "10.42.0.0/24", "--range-end", "10.42.0.9")).toBe("added");
			expect(outcomeOf("strict", "10.42.0.0/24", "--range-end", "10.42.0.9")).toBe("present");
			expect(outcomeOf(...wider)).toBe("grown");
			const keys = poolKeys();
			for (const [args, text] of [
				[["strict", "10.42.0.0/24", "--range-end", "10.42.0.9"], "it is there with other bounds, 10.42.0.1-10.42.0.20"],
				[[...wider, "--gateway", "10.42.0.2"], "it is there with other bounds"],
				[["strict", "10.42.0.0/25"], "it overlaps 10.42.0.1-10.42.0.20 of its pools; Choose"],
				[["strict", "10.40.0.0/16"], "it overlaps 10.40.0.1-10.40.0.2; Agents would not"],
				[["strict", "fd42::/64"], "the network has no IPv6 range set"],
				[["strict6", "10.42.0.0/24"], "the network has no IPv4 range set"],
				[["strict6", "fd43::/64", "--gateway", "10.1.1.1"], 'its gateway "10.1.1.1" is of the other family'],
				[["strict", "10.43.0.0/24", "--gateway", "10.42.0.5"], "a container could get 10.42.0.5, which is a gateway"],
				[["strict", "10.43.0.1/24"], "Network has host bits set"],
				[["strict", "10.43.0.0/31"], "too small to allocate from"],
				[["strict", "nonsense"], 'add pool "nonsense" to network "strict": invalid CIDR address'],
				[["nix", "10.43.0.0/24"], "etcd has nothing of it"],
				[["strict6", "fd40::/64"], "it overlaps fd40::1"],
			] as const) {
				const { exitCode, stderr } = ipam("pool", "add", ...args);
				expect([exitCode, stderr]).toEqual([1, expect.stringContaining(text)]);
				expect(stderr).toMatch(/^Cannot add pool /);
			}
			expect(poolKeys()).toEqual(keys);
		});

		test("a pool that has moved into the configuration is removed while its addresses are held", () => {
			const before = { ...tiny(), ranges: [[{ subnet: "10.47.0.0/30" }]] };
			const after = { ...before, ranges: [[{ subnet: "10.47.0.0/30" }, { subnet: "10.48.0.0/24" }]] };
			write("moved", before);
			ipam("pool", "add", "moved", "10.48.0.0/24");
			for (const id of ["p1", "p2"]) call("ADD", "moved", before, id);
			expect(ipam("pool", "remove", "moved", "10.48.0.0/24").stderr).toContain("are held; 1 of them");
			write("moved", after);
			expect(ipam("pool", "list").stdout).toMatch(/^moved +10\.48\.0\.0\/24 .* not used: it overlaps 10\.48\.0\.1-/m);
			call("ADD", "moved", after, "p3");
			expect(ipam("pool", "remove", "moved", "10.48.0.0/24").stdout).toBe(
				"removed 10.48.0.0/24 of moved, whose configuration has these addresses\n",
			);
			call("ADD", "moved", after, "p4");
			expect(ipam("find", "-n", "moved", "p4").stdout).toMatch(/^moved +10\.48\.0\.\d +a1 +p4 /m);
		});

		test("what another network of the cluster has is refused, unless it is allowed", () => {
			write("meeting", tiny());
			write("other", { ...tiny(), ranges: [[{ subnet: "10.44.0.0/24" }]] });
			expect(ipam("pool", "add", "meeting", "10.44.0.0/16").stderr).toContain(
				'it overlaps 10.44.0.1-10.44.0.254 of network "other"; Choose another subnet, or --allow-overlap',
			);
			expect(ipam("pool", "add", "meeting", "10.44.0.0/16", "--allow-overlap").exitCode).toBe(0);
			expect(ipam("pool", "add", "other", "10.44.1.0/24").stderr).toContain('of network "meeting"');
			// Of a network that is not configured here, only its pools and those that are can be seen.
			call("ADD", "elsewhere", tiny(), "e1");
			expect(ipam("pool", "add", "elsewhere", "10.44.2.0/24").stderr).toContain('of network "meeting"');
			expect(ipam("pool", "add", "elsewhere", "10.49.0.0/24").stdout).toMatch(
				/^added to elsewhere: 10\.49\.0\.0\/24, 253 addresses .*\. The network is not configured here: /,
			);
			expect(ipam("pool", "list").stdout).toMatch(/^elsewhere +10\.49\.0\.0\/24 .* not configured here$/m);
			// The whole network, with its pools.
			expect(ipam("pool", "remove", "meeting").stdout).toMatch(
				/^removed 1 added pool, 0 blocks and 0 resting addresses of meeting/,
			);
		});

		test("what somebody else has written there is shown and removed, and never used", async () => {
			write("damaged", tiny());
			const root = "/added/network/damaged/pool/";
			await transact(etcd.gateway(), {
				success: [
					{ put: `${root}4-0a2d0000-16`, value: hostile },
					{ put: `${root}${hostile}`, value: "" },
				],
			});
			const { stdout } = ipam("pool", "list");
			expect(stdout).not.toContain("\u001b");
			expect(stdout).toMatch(/^damaged +10\.45\.0\.0\/16 +- +- +- +- +- +not used: /m);
			expect(ipam("check", "damaged").stdout).toContain("a pool that cannot be understood, and is not used");
			expect(ipam("pool", "remove", "damaged", "10.45.0.0/16").exitCode).toBe(0);
			expect(ipam("pool", "remove", "damaged").exitCode).toBe(0);
			expect(poolKeys().filter((key) => key.startsWith("damaged"))).toEqual([]);
		});

		test("host-local's containers move into it, too", () => {
			write("movable", tiny());
			ipam("pool", "add", "movable", "10.46.0.0/24");
			mkdirSync(join(world.dataDir, "movable"), { recursive: true });
			writeFileSync(join(world.dataDir, "movable", "10.46.0.9"), "m1\r\neth0");
			expect(ipam("migrate", "movable", "--from", world.dataDir).stdout).toMatch(/^moved +10\.46\.0\.9 +m1/m);
			expect(keysNow(etcd, "/added/network/movable").get("address/4-0a2e0009")).toContain('"containerId":"m1"');
		});
	});
});

describe("an etcd that wants certificates", () => {
	test("is reached by TLS, and what is wrong with a certificate is said", async () => {
		using machine = createWorld();
		makeCertificates(machine.directory);
		const file = (name: string) => join(machine.directory, name);
		const args = ["--cert-file", file("server.pem"), "--key-file", file("server.key")];
		const clients = ["--client-cert-auth", "--trusted-ca-file", file("ca.pem")];
		await using secure = await startEtcd(machine.host, { url: "https://127.0.0.1:2379", args: [...args, ...clients] });
		const show = (changes: object = {}) => {
			const files = { caFile: file("ca.pem"), certFile: file("client.pem"), keyFile: file("client.key") };
			const config = configOf("tls", { ...clusterIpam("a1"), endpoints: [secure.url], ...files, ...changes });
			writeFileSync(file("tls.conf"), JSON.stringify(config));
			const env = { PATH: systemPath, NETCONFPATH: machine.directory };
			return attemptIn(machine.host, [cnictl, "ipam", "show", "tls", "--no-picture"], { env });
		};
		expect(show()).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^tls +cluster +10\.213\.9\.1/m) });
		expect(show({ serverName: "etcd.example" }).exitCode).toBe(0);
		for (const [changes, cause] of [
			[{ caFile: file("ca2.pem") }, /TLS: unable to get local issuer certificate; .* not in "caFile"/],
			[{ serverName: "other.example" }, /TLS: hostname mismatch; .* set "serverName"/],
			[{ certFile: file("client2.pem"), keyFile: file("client2.key") }, /TLS: the handshake failed; .* "certFile"/],
			[{ certFile: "", keyFile: "" }, /TLS: the handshake failed; .* "certFile"/],
			[{ caFile: "/nowhere" }, /Cannot read "\/nowhere": no such file or directory/],
		] as const) {
			expect(show(changes)).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(cause) });
		}
	});
});
