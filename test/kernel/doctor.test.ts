import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { attemptIn, deleteNamespace, jsonIn, type Namespace, runIn } from "../support/namespace.ts";
import { tools } from "../support/paths.ts";
import { runPlugin } from "../support/run-plugin.ts";
import { itUnless } from "../support/skip.ts";
import { differences } from "../support/snapshot.ts";
import { ping } from "../support/traffic.ts";
import { type AttachmentsHost, createAttachmentsHost, type FoundThing, startIn } from "./attachments-host.ts";

let host: AttachmentsHost;

beforeEach(() => {
	host = createAttachmentsHost();
});
afterEach(() => {
	host[Symbol.dispose]();
});

/** Addresses that no other test gives: doctor looks into every namespace of the machine. */
const bridge = {
	type: "bridge",
	bridge: "br0",
	isDefaultGateway: true,
	ipam: { type: "host-local", ranges: [[{ subnet: "10.213.7.0/24" }], [{ subnet: "fd00:213:7::/64" }]] },
};
const limits = { ingressRate: 8e6, ingressBurst: 8e5, egressRate: 8e6, egressBurst: 8e5 };
const everything = [
	{ ...bridge, ipMasq: true, macspoofchk: true },
	{ type: "portmap", capabilities: { portMappings: true } },
	{ type: "firewall", backend: "nftables" },
	{ type: "bandwidth", ...limits },
	{ type: "tuning", mtu: 1400, sysctl: { "net.core.somaxconn": "500" } },
	{ type: "groups", groups: ["web"] },
	{ type: "sbr" },
];
const byIptables = [
	{
		...bridge,
		bridge: "br1",
		ipMasq: true,
		ipMasqBackend: "iptables",
		ipam: ipv4("10.213.8.0/24"),
	},
	{ type: "portmap", backend: "iptables", capabilities: { portMappings: true } },
	{ type: "firewall", backend: "iptables" },
];

const itWithStock = itUnless(
	existsSync(join(tools, "bridge")) ? undefined : "the stock plugins are missing: bin/setup --stock",
);

function ipv4(subnet: string) {
	return { type: "host-local", ranges: [[{ subnet }]] };
}

function ports(hostPort: number) {
	return { capabilities: { portMappings: [{ hostPort, containerPort: 80, protocol: "tcp" }] } };
}

/** What stays of networks on purpose: tables, chains and cursors that all share. */
const kept = [
	/ file \S*(lock|last_reserved_ip\.\d+) /,
	/ (file|directory) \S*\.cni-suite/,
	/ file \S*(stamp|owners|taken)/,
	/ directory /,
	/ nft (set|map) inet cni_suite port_addresses/,
	/ qdisc /,
];

function changes(before: ReturnType<AttachmentsHost["snapshot"]>): readonly string[] {
	return differences(before, host.snapshot()).filter((line) => !kept.some((pattern) => pattern.test(line)));
}

function kindsOf(findings: readonly FoundThing[]): readonly string[] {
	return [...new Set(findings.map(({ kind }) => kind))].sort();
}

/** What went with something else is as gone as what was removed. */
function isLeft({ outcome }: FoundThing): boolean {
	return outcome !== "removed" && outcome !== "gone";
}

/** Expects that things of these kinds are surely left over, and gone after the cure. @returns what was found */
function expectCure(kinds: readonly string[]): readonly FoundThing[] {
	// While a namespace of another test has the number of one that is gone, what tells of that by its number alone may be alive.
	let looked = host.doctor();
	for (let tries = 0; tries < 20 && kindsOf(looked.findings).length < kinds.length; tries++) looked = host.doctor();
	const { exitCode, findings } = looked;
	expect(exitCode).toBe(1);
	expect(findings.filter(({ certainty }) => certainty !== "sure")).toEqual([]);
	expect(kindsOf(findings)).toEqual([...kinds].sort());
	const cured: FoundThing[] = [];
	for (let tries = 0; tries < 20 && cured.length < findings.length; tries++) {
		const { exitCode: left, findings: found } = host.doctor("--fix");
		expect([left, found.filter(isLeft)]).toEqual([0, []]);
		cured.push(...found);
	}
	expect(cured.length).toBe(findings.length);
	expect(host.doctor()).toEqual({ exitCode: 0, findings: [] });
	return findings;
}

describe("cnictl doctor", () => {
	it("finds what lost DELs have left, of every kind, and removes it; running containers beside it keep everything", () => {
		const { world } = host;
		host.network("app", everything);
		host.network("old", byIptables);
		const [living, livingOld] = [world.container(), world.container()];
		host.add("app", living, ports(8081));
		host.add("old", livingOld, ports(9091));
		expect(host.doctor()).toEqual({ exitCode: 0, findings: [] });
		const before = host.snapshot();

		const [dead, deadOld] = [world.container(), world.container()];
		host.add("app", dead, ports(8082));
		host.add("old", deadOld, ports(9092));
		expect(host.doctor()).toEqual({ exitCode: 0, findings: [] });
		host.end(dead);
		host.end(deadOld);
		const left = host.snapshot();
		host.doctor();
		expect(differences(left, host.snapshot())).toEqual([]);

		expectCure([
			"ifb device",
			"MAC spoof check",
			"masquerading",
			"port maps",
			"accepted forwarding",
			"groups",
			"iptables chain",
			"iptables rule",
			"source routing",
			"tuning",
			"reservation",
			"cached result",
		]);
		expect(changes(before)).toEqual([]);
		expect([ping(world.host, "10.213.7.2"), ping(livingOld, "10.213.8.1")]).toEqual([true, true]);
		expect(host.cnictl(["check", "app", living.path], ports(8081))).toMatchObject({ exitCode: 0, stderr: "" });
		expect(host.cnictl(["check", "old", livingOld.path], ports(9091))).toMatchObject({ exitCode: 0, stderr: "" });
	});

	it("finds rules by their tags where the records are lost, and takes no living container's", () => {
		host.network("app", everything);
		const [living, dead] = [host.world.container(), host.world.container()];
		host.add("app", living, ports(8081));
		host.add("app", dead, ports(8082));
		rmSync(join(host.runSuite, "firewall"), { recursive: true });
		host.end(dead);
		const { findings } = host.doctor("--fix");
		const rules = ["masquerading", "port maps", "accepted forwarding", "groups"];
		expect(kindsOf(findings)).toEqual(expect.arrayContaining(rules));
		expect(findings.filter(isLeft)).toEqual([]);
		expect(host.doctor()).toEqual({ exitCode: 0, findings: [] });
		const ruleset = runIn(host.world.host, ["nft", "list", "ruleset"]);
		expect([ruleset.includes("10.213.7.3"), ruleset.includes("10.213.7.2")]).toEqual([false, true]);
		expect(ping(host.world.host, "10.213.7.2")).toBe(true);
	});

	it("finds what an ADD has left that was killed, once its namespace is gone", () => {
		const { world } = host;
		host.network("app", [{ ...bridge, ipMasq: true }]);
		const [living, dead] = [world.container(), world.container()];
		host.add("app", living);
		const before = host.snapshot();
		// As the record of the rules is put in place: addresses and the pair are there by then.
		const strace = ["strace", "-f", "-qq", "-e", "trace=renameat2", "-o", "/dev/null"];
		const inject = ["-e", "inject=renameat2:signal=KILL:when=1"];
		const killed = runPlugin({
			world,
			command: "ADD",
			type: "bridge",
			netns: dead,
			containerId: "killed-container",
			config: { cniVersion: "1.0.0", name: "app", ...bridge, ipMasq: true },
			wrapper: [...host.wrapper, ...strace, ...inject],
		});
		expect(killed.signal).toBe("SIGKILL");
		expect(host.doctor()).toEqual({ exitCode: 0, findings: [] });
		host.end(dead);
		expectCure(["masquerading", "reservation"]);
		expect(changes(before)).toEqual([]);
		expect(ping(world.host, "10.213.7.2")).toBe(true);
	});

	it("finds what was there before a reboot: reservations, and results whose namespace has only the name in common", () => {
		const { world } = host;
		host.network("app", [bridge]);
		const dead = world.container();
		const containerId = host.add("app", dead);
		host.end(dead);
		// As another boot would have stamped it; and nobody has changed the directory since.
		const stamp = join(host.varLib, "cni/networks/.cni-suite/app/stamp");
		writeFileSync(stamp, readFileSync(stamp, "utf8").replace(/ \S+ /, " 6ba7b810-9dad-11d1-80b4-00c04fd430c8 "));
		const result = join(host.varLib, "cni/results", `app-${containerId}-eth0`);
		utimesSync(result, 1e9, 1e9);
		runIn(world.host, ["ip", "netns", "add", dead.name]);
		const findings = expectCure(["reservation", "cached result"]);
		expect(findings.map(({ reason }) => reason)).toEqual([
			expect.stringMatching(/^it was made before the last boot/),
			expect.stringMatching(/^it was made before the last boot/),
			expect.stringMatching(/^its namespace ended with the last boot, and the one at "\/run\/netns\/\S+" has none/),
		]);
		expect(readdirSync(join(host.varLib, "cni/results"))).toEqual([]);
	});

	it("finds a device, a chain's result, a pair without a container and half a record", () => {
		const { world } = host;
		host.network("device", [{ type: "host-device", device: "hd0" }]);
		runIn(world.host, ["ip", "link", "add", "hd0", "type", "veth", "peer", "name", "hd1"]);
		const dead = world.container();
		host.add("device", dead);
		const chain = { cniVersion: "1.0.0", name: "linked", type: "chain", plugins: [{ ...bridge, bridge: "br2" }] };
		const call = { world, type: "chain", netns: dead, ifName: "net1", containerId: "chained-container", config: chain };
		expect(runPlugin({ ...call, command: "ADD", wrapper: host.wrapper }).exitCode).toBe(0);
		const alias = "net: app, if: eth0, id: moved-container";
		runIn(world.host, ["ip", "link", "add", "lost0", "type", "veth", "peer", "name", "lost1"]);
		runIn(world.host, ["ip", "link", "set", "lost0", "alias", alias]);
		const records = join(host.runSuite, "sbr/app");
		mkdirSync(records, { recursive: true });
		writeFileSync(join(records, ".half-container:eth0"), '{"containerId":"half-con');
		host.end(dead);
		expectCure(["host link", "host device", "result of a chain", "source routing", "reservation", "cached result"]);
		expect(attemptIn(world.host, ["ip", "link", "show", "lost1"]).exitCode).not.toBe(0);
	});

	itWithStock(
		"finds what the reference's plugins have left, and what they have kept for a container that runs stays",
		() => {
			const { world } = host;
			const stock = [
				{ ...bridge, ipMasq: true, macspoofchk: true },
				{ type: "portmap", capabilities: { portMappings: true } },
				{ type: "firewall" },
				{ type: "bandwidth", ...limits },
				{ type: "tuning", mtu: 1400 },
			];
			host.network("stock", stock);
			host.network("nft", [
				{ ...bridge, bridge: "br1", ipMasq: true, ipMasqBackend: "nftables", ipam: ipv4("10.213.8.0/24") },
				{ type: "portmap", backend: "nftables", capabilities: { portMappings: true } },
			]);
			const [living, dead, livingNft, deadNft] = Array.from({ length: 4 }, () => world.container());
			if (!living || !dead || !livingNft || !deadNft) throw new Error("Cannot make containers");
			host.add("stock", living, { ...ports(8081), cniPath: tools });
			host.add("nft", livingNft, { ...ports(8083), cniPath: tools });
			const before = host.snapshot();
			host.add("stock", dead, { ...ports(8082), cniPath: tools });
			host.add("nft", deadNft, { ...ports(8084), cniPath: tools });
			expect(host.doctor()).toEqual({ exitCode: 0, findings: [] });
			host.end(dead);
			host.end(deadNft);
			expectCure([
				"ifb device",
				"MAC spoof check",
				"masquerading",
				"reference's port maps",
				"iptables chain",
				"iptables rule",
				"tuning backup",
				"reservation",
				"cached result",
			]);
			expect(changes(before)).toEqual([]);
			expect([ping(world.host, "10.213.7.2"), ping(world.host, "10.213.8.2")]).toEqual([true, true]);
			const check = host.cnictl(["check", "stock", living.path], { ...ports(8081), cniPath: tools });
			expect(check).toMatchObject({ exitCode: 0, stderr: "" });
		},
	);

	it("takes rules by source address from a namespace that lives on without their interface", () => {
		const { world } = host;
		host.network("app", [{ ...bridge, isGateway: true }, { type: "sbr" }]);
		const [container, other] = [world.container(), world.container()];
		host.add("app", container);
		host.add("app", container, { ifName: "net1" });
		host.add("app", other);
		const rules = () => jsonIn<{ src: string }[]>(container, ["ip", "-j", "rule"]).map(({ src }) => src);
		expect(rules()).toContain("10.213.7.2");
		runIn(container, ["ip", "link", "del", "eth0"]);
		expectCure(["source routing"]);
		expect(rules()).not.toContain("10.213.7.2");
		expect(rules()).toContain("10.213.7.3");
	});

	it("is not sure of what may be somebody's, and leaves it", async () => {
		const { world } = host;
		host.network("app", [{ ...bridge, ipMasq: true }]);
		const ids: Record<string, string> = {};
		const dead: Record<string, Namespace> = {};
		for (const name of ["young", "working", "borne", "inUse"]) {
			const container = world.container();
			dead[name] = container;
			ids[name] = host.add("app", container);
		}
		const held = world.container();
		const heldId = host.add("app", held);
		const holder = await startIn(held, ["sleep", "60"], "sleep");
		for (const container of Object.values(dead)) host.end(container);
		// Only a process holds it from now on, as those of Mesos.
		runIn(world.host, ["umount", held.path]);
		rmSync(held.path);
		const other = world.container();
		runIn(other, ["ip", "address", "add", "10.213.7.5/24", "dev", "lo"]);
		// Bound where only a runtime in a container of its own sees it.
		const hidden = world.container();
		const elsewhere = join(world.directory, "elsewhere");
		const bind = `touch ${elsewhere} && mount --bind ${hidden.path} ${elsewhere} && exec sleep 60`;
		const runtime = await startIn(world.host, ["unshare", "-m", "sh", "-c", bind], "sleep");
		deleteNamespace(hidden);
		const cached = { kind: "cniCacheV1", networkName: "app", containerId: "hidden-container", ifName: "eth0" };
		const file = join(host.varLib, "cni/results/app-hidden-container-eth0");
		writeFileSync(file, JSON.stringify({ ...cached, netns: elsewhere, result: { cniVersion: "1.0.0" } }));
		const worker = await startIn(world.host, ["env", `CNI_CONTAINERID=${ids.working}`, "sleep", "60"], "sleep");
		const bearer = await startIn(world.host, ["sh", "-c", "sleep 60; exit", "shim", `-id=${ids.borne}`], "sh");
		try {
			const before = host.snapshot();
			const { stdout, exitCode } = host.cnictl(["doctor", "--json"]);
			expect(exitCode).toBe(1);
			const reasons = (findings: readonly FoundThing[], id: string | undefined) => [
				...new Set(findings.filter(({ containerId }) => containerId === id).map(({ reason }) => reason)),
			];
			const young = JSON.parse(stdout).findings as FoundThing[];
			expect(young.filter(({ certainty }) => certainty !== "unsure")).toEqual([]);
			expect(reasons(young, ids.young)).toEqual([expect.stringMatching(/^it is \d+ s old, and an ADD or DEL may be/)]);
			const { findings } = host.doctor();
			expect(reasons(findings, ids.working)).toEqual([
				`process ${worker.pid} ("sleep") attaches or detaches its container at this moment`,
			]);
			expect(reasons(findings, ids.borne)).toEqual([`process ${bearer.pid} ("sh") bears the id of its container`]);
			expect(reasons(findings, ids.inUse)).toContainEqual(
				expect.stringMatching(/^10\.213\.7\.5 is in use in the namespace/),
			);
			expect([reasons(findings, heldId), reasons(findings, "hidden-container")]).toEqual([[], []]);
			expect(differences(before, host.snapshot())).toEqual([]);
			const cured = host.doctor("--fix");
			const removed = cured.findings.filter(({ outcome }) => outcome === "removed");
			expect([...new Set(removed.map(({ containerId }) => containerId))]).toEqual([ids.young]);
			expect(cured.exitCode).toBe(1);
			expect(ping(world.host, "10.213.7.6")).toBe(true);
		} finally {
			await Promise.all([holder, worker, bearer, runtime].map((process) => process.stop()));
		}
	});

	it("does not call young what is dated after the present time", () => {
		host.network("app", [bridge]);
		const container = host.world.container();
		const id = host.add("app", container);
		host.end(container);
		const directories = [host.varLib, host.runSuite];
		runIn(host.world.host, ["find", ...directories, "-type", "f", "-exec", "touch", "-d", "now + 1 hour", "{}", "+"]);
		const { findings } = JSON.parse(host.cnictl(["doctor", "--json"]).stdout) as { findings: FoundThing[] };
		const reasons = findings.filter(({ containerId }) => containerId === id).map(({ reason }) => reason);
		expect(reasons).toContainEqual(
			expect.stringMatching(/^it is dated \d{4} s after the present time of the clock, and/),
		);
	});

	it("shows ids as they are never to a terminal", () => {
		const directory = join(host.varLib, "cni/networks/app");
		mkdirSync(directory, { recursive: true });
		writeFileSync(join(directory, "10.213.7.9"), "evil\u001b[2J\u202e\u009b\r\neth0\u0007");
		const text = host.cnictl(["doctor", "--min-age", "0"]);
		expect(text.exitCode).toBe(1);
		expect(text.stdout).toContain("likely");
		for (const { stdout } of [
			text,
			host.cnictl(["doctor", "--json"]),
			host.cnictl(["show"]),
			host.cnictl(["show", "--json"]),
		]) {
			expect(stdout).toContain("10.213.7.9");
			expect(stdout).not.toMatch(/(?![\n\t])[\p{C}\p{Zl}]/u);
		}
		expect(statSync(join(directory, "10.213.7.9")).isFile()).toBe(true);
	});
});
