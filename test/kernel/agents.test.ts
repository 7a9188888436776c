import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { transact } from "../../lib/etcd/kv.ts";
import { grantLease, revokeLease } from "../../lib/etcd/lease.ts";
import { createEtcdStore } from "../../lib/ipam/etcd-store/etcd-store.ts";
import { parseRangeSet } from "../../lib/ipam/range-set.ts";
import { type Background, startProgram, waitUntil as waitUntilWithin } from "../support/dhcp.ts";
import { type Etcd, keysNow, startEtcd } from "../support/etcd.ts";
import { ownState, runWithOwnState } from "../support/example.ts";
import { attemptIn, enter, type Namespace, type Outcome } from "../support/namespace.ts";
import { distribution, systemPath } from "../support/paths.ts";
import { mustRunPlugin } from "../support/run-plugin.ts";
import { createWorld, type World } from "../support/world.ts";
import { creatingLock } from "../unit/ipam/creating-lock.ts";

let world: World;
let etcd: Etcd;

beforeEach(async () => {
	world = createWorld();
	etcd = await startEtcd(world.host, { args: ["--bcrypt-cost", "4"] });
	for (const agent of ["a1", "a2"]) {
		mkdirSync(join(world.directory, agent), { recursive: true });
		writeFileSync(join(world.directory, agent, "net.conf"), JSON.stringify(configOf(agent)));
	}
});
afterEach(async () => {
	await etcd[Symbol.asyncDispose]();
	world.dispose();
});

/** That no other run of this test has: whoever looks for what is left over looks into all namespaces of the machine. */
const [net4, net6] = [`10.216.${process.pid % 256}`, `fd16:0:0:${process.pid.toString(16)}:`];
const cnictl = join(distribution, "cnictl");

/** A machine that runs other tests as well takes its time to start a program. */
const waitUntil = (what: string, isTrue: () => boolean) => waitUntilWithin(what, isTrue, 60_000);

/** Both agents play on one host, with bridges of their own; the pool is one block of both families. */
function configOf(agent: string) {
	return {
		cniVersion: "1.1.0",
		name: "net",
		type: "bridge",
		bridge: `br-${agent}`,
		ipam: {
			type: "cluster",
			agent,
			endpoints: [etcd.url],
			dataDir: join(world.directory, agent, "data"),
			ranges: [[{ subnet: `${net4}.0/29` }], [{ subnet: `${net6}:/125` }]],
			blocks: { ipv4: 29, ipv6: 125 },
			cooldown: 0,
			timeout: 10,
		},
	};
}

/** As `cnictl` attaches by hand, with the state of a machine of its own. */
function attach(verb: "add" | "del" | "check", agent: string, container: Namespace): Outcome {
	const env = { ...envOf(agent), CNI_PATH: distribution };
	return runWithOwnState(world, [cnictl, verb, "net", container.path], env);
}

function addressesOf(outcome: Outcome): string[] {
	if (outcome.exitCode !== 0) throw new Error(outcome.stderr);
	const { ips } = JSON.parse(outcome.stdout) as { ips: { address: string }[] };
	return ips.map(({ address }) => address.replace(/\/.*/, ""));
}

function collect(agent: string, valid: readonly object[] = []): void {
	const config = { ...configOf(agent), "cni.dev/valid-attachments": valid };
	mustRunPlugin({ world, type: "bridge", command: "GC", config });
}

const envOf = (agent: string) => ({ PATH: systemPath, NETCONFPATH: join(world.directory, agent) });

function control(agent: string, ...args: readonly string[]) {
	return attemptIn(world.host, [cnictl, ...args], { env: envOf(agent) });
}

function serve(name: string, agent: string, ...args: readonly string[]): Background {
	const command = enter(world.host, [cnictl, "agents", ...args]);
	return startProgram(world, { command, logFile: join(world.directory, `${name}.log`), env: envOf(agent) });
}

/** With the state of a machine of its own, too. */
function serveWithOwnState(name: string, agent: string, ...args: readonly string[]): Background {
	const command = ownState(world, [cnictl, "agents", ...args]);
	return startProgram(world, { command, logFile: join(world.directory, `${name}.log`), env: envOf(agent) });
}

/** What is held, as `agent container`. */
const held = () =>
	[...keysNow(etcd, "/cni-suite/network/net")]
		.filter(([key]) => key.startsWith("address/4-"))
		.map(([, value]) => JSON.parse(value))
		.map(({ agent, containerId }) => `${agent} ${containerId}`)
		.sort();

const states = (agent = "a2") =>
	JSON.parse(control(agent, "agents", "--json").stdout).agents.map(
		(each: Record<string, unknown>) => `${each.agent} ${each.state} ${each.addresses} ${each.blocks}`,
	);

/** What is left over for nobody, in etcd and on this host. */
const clean = (agent: string) =>
	[
		["ipam", "check"],
		["doctor", "--min-age", "0"],
	].map((args) => {
		const { exitCode, stdout, stderr } = runWithOwnState(world, [cnictl, ...args], envOf(agent));
		return exitCode === 0 ? "clean" : stdout + stderr;
	});
const cleanOutcome = ["clean", "clean"];

/** The id that cnictl gives to a namespace. */
function idOf({ path }: Namespace): string {
	return `cnitool-${createHash("sha512").update(path).digest("hex").slice(0, 20)}`;
}

test("an agent that is lost and back in time keeps its addresses; too late, another has them", () => {
	const [one, two, other] = [world.container(), world.container(), world.container()];
	expect([one, two].map((container) => addressesOf(attach("add", "a1", container)))).toEqual([
		[`${net4}.2`, `${net6}:2`],
		[`${net4}.3`, `${net6}:3`],
	]);
	let report = serve("report1", "a1", "report", "--ttl", "8s");
	const watch = serve("watch", "a2", "watch", "--grace", "20s", "--interval", "1s");
	const second = serve("watch2", "a2", "watch", "--grace", "20s", "--interval", "1s");
	waitUntil("the sign of life", () => report.log().includes("is reported alive"));
	waitUntil("the services to watch", () => watch.log().includes("watching") && second.log().includes("watching"));
	expect(states()).toEqual(["a1 alive 4 2"]);
	expect(control("a2", "agents", "release", "a1")).toMatchObject({
		exitCode: 1,
		stderr: expect.stringMatching(
			/^Cannot release agent "a1": it reports itself alive, from host ".*"; Stop it first\./,
		),
	});
	// Longer than a watcher's round, so that it has been seen.
	const bothLogs = () => watch.log() + second.log();
	const lost = () => bothLogs().match(/agent "a1" is lost/g)?.length ?? 0;

	report.stop("SIGKILL");
	waitUntil("the agent to be marked", () => lost() > 0);
	expect(states()).toEqual(["a1 lost 4 2"]);
	expect(control("a2", "agents").stdout).toMatch(/^a1 +lost +\d+s +2 +4 +2 +in \d+s$/m);
	report = serve("report2", "a1", "report", "--ttl", "8s");
	waitUntil("the mark to go", () => bothLogs().includes('agent "a1" is back: it reports itself alive; it keeps'));
	// On a busy machine a sign may be late once more.
	waitUntil("it to be alive", () => states().join() === "a1 alive 4 2");
	expect(held()).toEqual([one, two].map((container) => `a1 ${idOf(container)}`).sort());
	expect(clean("a1")).toEqual(cleanOutcome);

	report.stop("SIGKILL");
	waitUntil("the agent to be released", () => bothLogs().includes("nothing is left of what it held"));
	expect(lost()).toBeGreaterThan(1);
	expect(states()).toEqual(["a1 gone 0 0"]);
	expect(held()).toEqual([]);
	expect(bothLogs().split(` released ${net4}.2 ${net6}:2 of container `)).toHaveLength(2);
	expect(clean("a2")).toEqual(cleanOutcome);
	expect(addressesOf(attach("add", "a2", other))).toEqual([`${net4}.2`, `${net6}:2`]);
	expect(clean("a2")).toEqual(cleanOutcome);

	// It is back, and its containers are told that their addresses are not theirs any more.
	report = serve("report3", "a1", "report", "--ttl", "8s");
	waitUntil("the agent to be seen", () => bothLogs().includes("too late: what it held was released"));
	expect(attach("check", "a1", one)).toMatchObject({
		exitCode: 1,
		stderr: expect.stringContaining("Nothing is reserved for it"),
	});
	for (const container of [one, two]) expect(attach("del", "a1", container)).toMatchObject({ exitCode: 0 });
	expect(held()).toEqual([`a2 ${idOf(other)}`]);
	expect(addressesOf(attach("add", "a1", one))).toHaveLength(2);
	expect(clean("a1")).toEqual(cleanOutcome);
	attach("del", "a1", one);
	attach("del", "a2", other);
	for (const agent of ["a1", "a2"]) collect(agent);
	expect(held()).toEqual([]);
	expect(clean("a1")).toEqual(cleanOutcome);
	for (const service of [watch, second, report]) service.stop();
	expect(watch.log()).toMatch(
		/ ended; it has released \d address(es)? of \d attachments? and \d blocks?, and settled [01] lost agents?\n$/,
	);
	expect(report.log()).toMatch(/ ended; the last sign of life lasts for up to 8 s\./);
}, 300_000);

test("what DEL could not tell etcd, the reporting service does when etcd is back", async () => {
	const container = world.container();
	expect(attach("add", "a1", container)).toMatchObject({ exitCode: 0 });
	const report = serve("report", "a1", "report", "--ttl", "8s");
	waitUntil("the sign of life", () => report.log().includes("is reported alive"));
	await etcd.stop();
	expect(attach("del", "a1", container)).toMatchObject({ exitCode: 0 });
	waitUntil("it to be said", () => report.log().includes('Cannot report agent "a1" alive: Cannot reach etcd'));
	await etcd.start();
	waitUntil("it to be made good", () => report.log().includes("released for 1 attachment"));
	expect(held()).toEqual([]);
	expect(readdirSync(join(world.directory, "a1/data/net/journal"))).toEqual([]);
	expect(states("a1")).toEqual(["a1 alive 0 2"]);
	report.stop();
	expect(control("a1", "agents", "report", "--withdraw").stdout).toBe(
		"agent a1 below /cni-suite is not watched any more\n",
	);
	expect(states("a1")).toEqual(["a1 unknown 0 2"]);

	expect(attach("add", "a1", container)).toMatchObject({ exitCode: 0 });
	const silent = serve("silent", "a1", "report", "--no-sign", "--ttl", "5s");
	await etcd.stop();
	expect(attach("del", "a1", container)).toMatchObject({ exitCode: 0 });
	await etcd.start();
	waitUntil("it to be made good", () => silent.log().includes("released for 1 attachment"));
	silent.stop();
	expect(silent.log()).toMatch(/Z no sign of life is given; journals are made good\n(.*\n)*\S+Z ended\n/);
	expect(states("a1")).toEqual(["a1 unknown 0 2"]);
}, 180_000);

test("what an agent held in its former life is released when it begins anew, but not what lives", async () => {
	const container = world.container();
	expect(attach("add", "a1", container)).toMatchObject({ exitCode: 0 });
	const set = parseRangeSet([{ subnet: `${net4}.0/29` }]);
	// Another machine of this name, of which nothing but this is left.
	const former = createEtcdStore({
		gateway: etcd.gateway(),
		prefix: "/cni-suite",
		network: "net",
		agent: "a1",
		blockLengths: { 4: 29, 6: 125 },
		borrow: true,
		cooldownMs: 0,
		tokenLabel: "task",
		directory: join(world.directory, "former"),
		lock: creatingLock,
		tryLock: creatingLock,
		postponed: () => {},
		now: () => 1000,
	});
	for (const containerId of ["before1", "before2"]) {
		const owner = { containerId: `cst${process.pid}${containerId}`, ifName: "eth0" };
		const outcome = await former.reserve(owner, [{ set, setIndex: 0, requested: undefined }]);
		expect(outcome.kind).toBe("reserved");
	}
	// A clock that was wrong when the living one was attached.
	const [[key = "", value = ""] = []] = [...keysNow(etcd, "/cni-suite/network/net")].filter(
		([name, text]) => name.startsWith("address/4-") && text.includes(idOf(container)),
	);
	const put = `/cni-suite/network/net/${key}`;
	await transact(etcd.gateway(), { success: [{ put, value: JSON.stringify({ ...JSON.parse(value), time: 1000 }) }] });
	expect(held()).toHaveLength(3);
	// The other machine is still there, and then is not.
	const other = await grantLease(etcd.gateway(), 600);
	const rival = JSON.stringify({ since: 1, host: "other", boot: "another" });
	await transact(etcd.gateway(), { success: [{ put: "/cni-suite/alive/a1", value: rival, lease: other }] });
	const report = serveWithOwnState("report", "a1", "report", "--ttl", "5s");
	waitUntil("the other to be told of", () => report.log().includes('by host "other" (boot "another") too'));
	expect(held()).toHaveLength(3);
	await revokeLease(etcd.gateway(), other);
	waitUntil("the former life to be released", () => report.log().match(/ released 10\.216/g)?.length === 2);
	expect(report.log()).toMatch(
		/ released 10\.216\.\d+\.\d of container "cst\d+before1" \(interface "eth0"\) on network "net": it was made before the last boot/,
	);
	expect(held()).toEqual([`a1 ${idOf(container)}`]);
	report.stop();
	expect(attach("del", "a1", container)).toMatchObject({ exitCode: 0 });
	expect(clean("a1")).toEqual(cleanOutcome);
}, 180_000);

test("an operator's word: lost, gone, and what it is refused for", () => {
	const containers = [world.container(), world.container()] as const;
	for (const container of containers) addressesOf(attach("add", "a1", container));
	const release = (...args: string[]) => control("a2", "agents", "release", ...args);
	expect(states()).toEqual(["a1 unknown 4 2"]);
	expect(release("a9")).toMatchObject({
		exitCode: 1,
		stderr: expect.stringMatching(/^Cannot release agent "a9": no cluster of this host knows it; /),
	});
	expect(control("a1", "agents", "release", "a1", "--now").stderr).toMatch(
		/^Cannot release agent "a1": it is this host; /,
	);
	expect(release("a1", "--grace", "1h").stdout).toBe(
		"agent a1 is marked as lost now; `cnictl agents watch` releases what it holds: in 59m. --now does it at once\n",
	);
	expect(release("a1").stdout).toMatch(
		/^agent a1 has been marked as lost at 20\S+Z; `cnictl agents watch` .*: in 59m\. /,
	);
	expect(states()).toEqual(["a1 lost 4 2"]);
	const { stdout, exitCode } = release("a1", "--now");
	expect(exitCode).toBe(0);
	expect(stdout.split("\n").map((line) => line.replace(idOf(containers[0]), "ONE"))).toEqual(
		expect.arrayContaining([
			`released ${net4}.2 ${net6}:2 of container "ONE" (interface "eth0") of agent "a1" on network "net"`,
			`released block ${net6}:/125 of agent "a1" on network "net"`,
			'agent "a1": released 4 addresses of 2 attachments and 2 blocks on network "net"',
		]),
	);
	expect(states()).toEqual(["a1 gone 0 0"]);
	expect(release("a1").stdout).toMatch(/^agent a1 has been released already, at 20/);
	expect(JSON.parse(release("a1", "--now", "--json").stdout)).toMatchObject({
		agent: "a1",
		released: { attachments: 0, addresses: 0, blocks: 0 },
	});
	expect(clean("a2")).toEqual(cleanOutcome);
});

test("an etcd that wants to know who asks is told, by a user who may do nothing but below the prefix; no secret is told", async () => {
	const gateway = etcd.gateway();
	const encode = (text: string) => Buffer.from(text).toString("base64");
	const perm = { permType: "READWRITE", key: encode("/cni-suite/"), range_end: encode("/cni-suite0") };
	await gateway.call("auth/user/add", { name: "root", password: "root-secret" });
	await gateway.call("auth/user/grant", { user: "root", role: "root" });
	await gateway.call("auth/user/add", { name: "cni", password: "cni-secret" });
	await gateway.call("auth/role/add", { name: "ipam" });
	await gateway.call("auth/role/grant", { name: "ipam", perm });
	await gateway.call("auth/user/grant", { user: "cni", role: "ipam" });
	await gateway.call("auth/enable", {});
	const passwordFile = join(world.directory, "password");
	writeFileSync(passwordFile, "cni-secret\n", { mode: 0o600 });
	const login = (agent: string, changes: object) => {
		const config = configOf(agent);
		writeFileSync(
			join(world.directory, agent, "net.conf"),
			JSON.stringify({ ...config, ipam: { ...config.ipam, ...changes } }),
		);
	};
	for (const agent of ["a1", "a2"]) login(agent, { user: "cni", passwordFile });
	attach("add", "a1", world.container());
	const report = serve("report", "a1", "report", "--ttl", "8s");
	const watch = serve("watch", "a2", "watch", "--grace", "1s", "--interval", "1s");
	waitUntil("the sign of life", () => report.log().includes("is reported alive"));
	waitUntil("it to be kept", () => states().join() === "a1 alive 2 2");
	report.stop("SIGKILL");
	waitUntil("the agent to be released", () => watch.log().includes("nothing is left of what it held"));
	watch.stop();
	writeFileSync(passwordFile, "wrong-secret\n");
	for (const agent of ["a1", "a2"]) rmSync(join(world.directory, agent, "data/net/token"), { force: true });
	expect(control("a2", "agents")).toMatchObject({
		exitCode: 1,
		stderr: expect.stringContaining("authentication failed"),
	});
	expect(report.log() + watch.log() + control("a2", "agents").stderr).not.toContain("secret");
}, 180_000);

test("without a network of a cluster, services say so", () => {
	const env = { PATH: systemPath, NETCONFPATH: join(world.directory, "nowhere") };
	for (const command of ["watch", "report"]) {
		expect(attemptIn(world.host, [cnictl, "agents", command], { env })).toMatchObject({
			exitCode: 1,
			stderr: expect.stringMatching(
				/^Cannot \w+ .*: no network of this host takes its addresses from a cluster; NETCONFPATH/,
			),
		});
	}
	expect(attemptIn(world.host, [cnictl, "agents", "watch", "--grace", "soon"], { env }).stderr).toContain("10m");
});
