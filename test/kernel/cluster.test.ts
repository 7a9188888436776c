import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { makeCertificates } from "../support/certificates.ts";
import { type Etcd, keysNow, startEtcd } from "../support/etcd.ts";
import { attempt, type Namespace, runIn } from "../support/namespace.ts";
import { type PluginOutcome, runPlugin, runPluginAsync } from "../support/run-plugin.ts";
import { ping } from "../support/traffic.ts";
import { createWorld, type World } from "../support/world.ts";

let world: World;
let container: Namespace;

beforeEach(() => {
	world = createWorld();
	container = world.container();
});
afterEach(() => world.dispose());

type Command = "ADD" | "CHECK" | "DEL" | "GC" | "STATUS";

function configOf(ipam: object): Record<string, unknown> {
	const common = {
		type: "cluster",
		agent: "a1",
		dataDir: world.dataDir,
		ranges: [[{ subnet: "10.9.0.0/16" }]],
		timeout: 2,
	};
	return {
		cniVersion: "1.1.0",
		name: "net",
		type: "bridge",
		bridge: "br0",
		isGateway: true,
		ipam: { ...common, ...ipam },
	};
}

function call(command: Command, ipam: object, { type = "cluster", with: changes = {}, id = "c1" } = {}): PluginOutcome {
	return runPlugin({
		world,
		type,
		command,
		netns: container,
		containerId: id,
		config: { ...configOf(ipam), ...changes },
	});
}

const addressIn = ({ json }: PluginOutcome) =>
	(json as { ips?: { address: string }[] }).ips?.map(({ address }) => address);

describe("with etcd on the same machine", () => {
	test("bridge attaches a container, CHECK agrees, and DEL takes it back", async () => {
		await using etcd = await startEtcd(world.host);
		const ipam = { endpoints: [etcd.url], cooldown: 0 };
		expect(call("STATUS", ipam, { type: "bridge" })).toMatchObject({ exitCode: 0 });
		const added = call("ADD", ipam, { type: "bridge" });
		expect(addressIn(added)).toEqual(["10.9.0.2/16"]);
		expect(ping(container, "10.9.0.1")).toBe(true);
		expect(call("CHECK", ipam, { type: "bridge", with: { prevResult: added.json } })).toMatchObject({ exitCode: 0 });
		expect(call("DEL", ipam, { type: "bridge" })).toMatchObject({ exitCode: 0 });
		expect(addressIn(call("ADD", ipam))).toEqual(["10.9.0.3/16"]);
	});

	test("a Mesos label is the token of a task, and a requested address is its own", async () => {
		await using etcd = await startEtcd(world.host);
		const ipam = { endpoints: [etcd.url] };
		const network_info = {
			ip_addresses: [{ ip_address: "10.9.7.7" }],
			labels: { labels: [{ key: "cni-token", value: "task-7" }] },
		};
		const args = { "org.apache.mesos": { network_info } };
		expect(addressIn(call("ADD", ipam, { with: { args } }))).toEqual(["10.9.7.7/16"]);
		const other = { ...ipam, agent: "a2", dataDir: join(world.directory, "a2") };
		expect(call("ADD", other, { id: "c2", with: { args } }).error).toMatchObject({
			code: 11,
			details: 'Container "c1" (interface "eth0") on agent "a1" holds it. Request another address',
		});
		const lost = Buffer.from(JSON.stringify({ lost: 1 })).toString("base64");
		await etcd.gateway().call("kv/put", { key: Buffer.from("/cni-suite/agent/a1").toString("base64"), value: lost });
		expect(addressIn(call("ADD", other, { id: "c2", with: { args } }))).toEqual(["10.9.7.7/16"]);
	});

	test("40 processes that start at once get addresses of their own", async () => {
		await using etcd = await startEtcd(world.host);
		const ranges = [[{ subnet: "10.9.0.0/16" }], [{ subnet: "fd09::/64" }]];
		// Long enough for a machine that runs other tests as well.
		const ipam = { endpoints: [etcd.url], ranges, timeout: 30 };
		const outcomes = await Promise.all(
			Array.from({ length: 40 }, (_, index) =>
				runPluginAsync({
					world,
					type: "cluster",
					command: "ADD",
					netns: container,
					containerId: `c${index}`,
					config: configOf(ipam),
				}),
			),
		);
		expect(outcomes.filter(({ exitCode }) => exitCode !== 0).map(({ stdout }) => stdout)).toEqual([]);
		const addresses = outcomes.flatMap((outcome) => addressIn(outcome) ?? []);
		expect(new Set(addresses)).toHaveProperty("size", 80);
		const valid = outcomes.slice(0, 3).map((_, index) => ({ containerID: `c${index}`, ifname: "eth0" }));
		expect(call("GC", ipam, { with: { "cni.dev/valid-attachments": valid } })).toMatchObject({ exitCode: 0 });
		const { count } = await etcd.gateway().call("kv/range", {
			key: Buffer.from("/cni-suite/network/net/address/").toString("base64"),
			range_end: Buffer.from("/cni-suite/network/net/address0").toString("base64"),
			count_only: true,
		});
		expect(count).toBe("6");
	});
});

describe("with etcd away", () => {
	test.each(["stopped", "frozen"])(
		"and %s, ADD fails in time, DEL succeeds, STATUS says so, and all is made good",
		async (how) => {
			await using etcd = await startEtcd(world.host);
			const ipam = { endpoints: [etcd.url], cooldown: 0, timeout: 1 };
			for (const id of ["c1", "c2"]) expect(call("ADD", ipam, { id })).toMatchObject({ exitCode: 0 });
			if (how === "stopped") await etcd.stop();
			else etcd.pause();
			const begun = performance.now();
			expect(call("ADD", ipam, { id: "c3" }).error).toMatchObject({
				code: 11,
				msg: `Cannot reach etcd at "${etcd.url}": ${how === "stopped" ? "connection refused" : "no answer in time"}`,
			});
			expect(performance.now() - begun).toBeLessThan(4000);
			expect(call("DEL", ipam)).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("done by a later call") });
			expect(call("STATUS", ipam).error).toMatchObject({ code: 50, msg: expect.stringContaining("Cannot reach etcd") });
			if (how === "stopped") await etcd.start();
			else etcd.resume();
			expect(call("STATUS", ipam)).toMatchObject({ exitCode: 0 });
			expect(addressIn(call("ADD", ipam, { id: "c4" }))).toHaveLength(1);
			const { kvs } = await etcd.gateway().call("kv/range", {
				key: Buffer.from("/cni-suite/network/net/agent/").toString("base64"),
				range_end: Buffer.from("/cni-suite/network/net/agent0").toString("base64"),
				keys_only: true,
			});
			const keys = (kvs as { key: string }[]).map(({ key }) => Buffer.from(key, "base64").toString());
			expect(keys.filter((key) => key.includes("/owner/")).map((key) => key.split("/owner/")[1])).toEqual([
				"c2/eth0",
				"c4/eth0",
			]);
		},
	);

	test("at one endpoint, the next is asked; a host is looked up", async () => {
		await using etcd = await startEtcd(world.host);
		const endpoints = ["http://127.0.0.1:9", "http://192.0.2.1:2379", "http://localhost:2379"];
		const ipam = { endpoints, timeout: 3 };
		runIn(world.host, ["ip", "route", "add", "default", "dev", "lo"]);
		expect(addressIn(call("ADD", ipam))).toEqual(["10.9.0.2/16"]);
		expect(
			call("ADD", { endpoints: ["http://no-such-host.invalid:2379"], timeout: 1 }, { id: "c2" }).error?.msg,
		).toMatch(/no name server answers for the host|no address is known for the host/);
		expect(etcd.url).toBe("http://127.0.0.1:2379");
	});
});

test("with etcd full, ADD says what helps, DEL succeeds, and all is made good when there is room again", async () => {
	await using etcd = await startEtcd(world.host, { args: ["--quota-backend-bytes", String(4 * 1024 * 1024)] });
	const gateway = etcd.gateway();
	const ipam = { endpoints: [etcd.url] };
	expect(call("ADD", ipam)).toMatchObject({ exitCode: 0 });
	const [key, value] = ["waste", "x".repeat(1024 * 1024)].map((text) => Buffer.from(text).toString("base64"));
	const put = () => gateway.call("kv/put", { key, value }).then(() => "done", String);
	let answer = await put();
	for (let times = 1; answer === "done" && times < 10; times++) answer = await put();
	expect(answer).toContain("database space exceeded");

	expect(call("ADD", ipam, { id: "c2" }).error).toMatchObject({
		code: 7,
		msg: "etcd refuses etcdserver: mvcc: database space exceeded",
		details: "etcd is full: compact and defragment it, then disarm the alarm",
	});
	expect(call("DEL", ipam)).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("done by a later call") });

	const { header } = await gateway.call("kv/deleterange", { key });
	await gateway.call("kv/compaction", { revision: (header as { revision: string }).revision, physical: true });
	await gateway.call("maintenance/defragment", {});
	const { alarms } = await gateway.call("maintenance/alarm", { action: "GET" });
	for (const alarm of alarms as object[]) await gateway.call("maintenance/alarm", { action: "DEACTIVATE", ...alarm });
	expect(addressIn(call("ADD", ipam, { id: "c2" }))).toHaveLength(1);
	expect([...keysNow(etcd, "/cni-suite/network/net/agent/a1/owner").keys()]).toEqual(["c2/eth0"]);
});

describe("with TLS", () => {
	let etcd: Etcd;
	let machine: World;
	const file = (name: string) => join(machine.directory, name);

	beforeAll(async () => {
		machine = createWorld();
		makeCertificates(machine.directory);
		etcd = await startEtcd(machine.host, {
			url: "https://127.0.0.1:2379",
			args: [
				"--cert-file",
				file("server.pem"),
				"--key-file",
				file("server.key"),
				"--client-cert-auth",
				"--trusted-ca-file",
				file("ca.pem"),
			],
		});
	});
	afterAll(async () => {
		await etcd[Symbol.asyncDispose]();
		machine.dispose();
	});

	const secure = (changes: object = {}) => ({
		endpoints: [etcd.url],
		caFile: file("ca.pem"),
		certFile: file("client.pem"),
		keyFile: file("client.key"),
		...changes,
	});

	function add(ipam: object): PluginOutcome {
		return runPlugin({
			world: machine,
			type: "cluster",
			command: "ADD",
			netns: container,
			containerId: "c1",
			config: configOf(ipam),
		});
	}

	test("addresses are given, by address and by name", () => {
		expect(addressIn(add(secure()))).toEqual(["10.9.0.2/16"]);
		expect(add(secure({ serverName: "etcd.example" })).error?.msg).toContain("has been allocated to c1");
	});

	test.each<[string, () => object, string]>([
		["of an unknown authority", () => secure({ caFile: file("ca2.pem") }), "unable to get local issuer certificate"],
		["for another name", () => secure({ serverName: "other.example" }), "hostname mismatch"],
		[
			"of a client that etcd does not know",
			() => secure({ certFile: file("client2.pem"), keyFile: file("client2.key") }),
			"alert",
		],
		["that is missing", () => ({ ...secure(), certFile: "", keyFile: "" }), "alert"],
		[
			"with the key of another",
			() => secure({ keyFile: file("client2.key") }),
			"the key in keyFile is not that of the certificate",
		],
		["in a file that is none", () => secure({ caFile: file("ca.key") }), "there is no certificate in caFile"],
		["in no file", () => secure({ caFile: "/nowhere" }), 'Cannot read "/nowhere": no such file or directory'],
	])("a certificate %s is refused, and the error says so", (_, ipam, cause) => {
		expect(add(ipam()).error).toMatchObject({
			code: 7,
			msg: expect.stringContaining(cause),
			details: expect.stringMatching(/./),
		});
	});

	test("a certificate that has expired is refused, and a key that others may read", async () => {
		await using expired = await startEtcd(world.host, {
			url: "https://127.0.0.1:2379",
			args: ["--cert-file", file("old.pem"), "--key-file", file("old.key")],
		});
		expect(call("ADD", secure()).error).toMatchObject({
			code: 7,
			msg: expect.stringContaining("certificate has expired"),
		});
		chmodSync(file("client2.key"), 0o644);
		expect(call("ADD", secure({ keyFile: file("client2.key") })).error?.msg).toContain("others may read it (mode 644)");
		expect(expired.url).toBe(etcd.url);
	});
});

describe("with a user and a password", () => {
	async function addUser(etcd: Etcd): Promise<void> {
		const gateway = etcd.gateway();
		const everything = { key: "AA==", range_end: "AA==", permType: "READWRITE" };
		await gateway.call("auth/user/add", { name: "root", password: "root-secret" });
		await gateway.call("auth/user/grant", { user: "root", role: "root" });
		await gateway.call("auth/user/add", { name: "cni", password: "cni-secret" });
		await gateway.call("auth/role/add", { name: "ipam" });
		await gateway.call("auth/role/grant", { name: "ipam", perm: everything });
		await gateway.call("auth/user/grant", { user: "cni", role: "ipam" });
		await gateway.call("auth/enable", {});
	}

	test("the password is checked, its token kept, and neither told to anybody", async () => {
		await using etcd = await startEtcd(world.host, { args: ["--bcrypt-cost", "4"] });
		await addUser(etcd);
		const passwordFile = join(world.directory, "password");
		writeFileSync(passwordFile, "cni-secret\n", { mode: 0o600 });
		const ipam = { endpoints: [etcd.url], user: "cni", passwordFile };
		const log = join(world.directory, "log");
		const added = runPlugin({
			world,
			type: "cluster",
			command: "ADD",
			netns: container,
			containerId: "c1",
			config: configOf(ipam),
			env: { CNI_SUITE_LOG: log },
		});
		expect(addressIn(added)).toEqual(["10.9.0.2/16"]);
		expect(readFileSync(log, "utf8")).not.toContain("secret");
		// From now on the token does.
		const token = join(world.dataDir, "net/token");
		expect(attempt(["stat", "-c", "%a", token]).stdout).toBe("600\n");
		writeFileSync(passwordFile, "wrong", { mode: 0o600 });
		expect(call("CHECK", ipam, { with: { prevResult: added.json } })).toMatchObject({ exitCode: 0 });

		writeFileSync(token, "cni\nno-such-token");
		const refused = call("ADD", ipam, { id: "c2" });
		expect(refused.error).toMatchObject({
			code: 7,
			msg: expect.stringMatching(/^etcd refuses as "cni": .*authentication failed/),
		});
		expect(refused.stdout + refused.stderr).not.toContain("wrong");
		chmodSync(passwordFile, 0o640);
		expect(call("ADD", ipam, { id: "c2" }).error?.msg).toContain("others may read it (mode 640)");
		expect(call("ADD", { endpoints: [etcd.url] }, { id: "c2" }).error?.details).toContain(
			'set "user" and "passwordFile"',
		);
		expect(existsSync(join(world.dataDir, "net/journal/c2:eth0"))).toBe(false);
	});

	test("a certificate with a common name is refused, and the error says that it must have none", async () => {
		makeCertificates(world.directory);
		const file = (name: string) => join(world.directory, name);
		const own = ["--cert-file", file("server.pem"), "--key-file", file("server.key"), "--client-cert-auth"];
		const args = [...own, "--trusted-ca-file", file("ca.pem"), "--bcrypt-cost", "4"];
		await using etcd = await startEtcd(world.host, { url: "https://127.0.0.1:2379", args });
		await addUser(etcd);
		writeFileSync(file("password"), "cni-secret\n", { mode: 0o600 });
		const files = { caFile: file("ca.pem"), certFile: file("client.pem"), keyFile: file("client.key") };
		const ipam = { endpoints: [etcd.url], ...files, user: "cni", passwordFile: file("password") };
		expect(call("ADD", ipam).error).toMatchObject({
			code: 7,
			msg: expect.stringMatching(/^etcd refuses as "cni": .*CommonName of client/),
			details: expect.stringContaining("must have no common name (CN)"),
		});
	});
});
