import { randomUUID } from "node:crypto";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import {
	createDhcpNetwork,
	type Daemon,
	type DhcpNetwork,
	quickFlags,
	recordPaths,
	startDaemon,
	startProgram,
	waitUntil,
} from "../support/dhcp.ts";
import { runWithOwnState } from "../support/example.ts";
import { attempt, attemptIn, enter, type Namespace, runIn } from "../support/namespace.ts";
import { distribution, tools } from "../support/paths.ts";
import { type Command, mustRunPlugin, type PluginCall, runPlugin, runPluginAsync } from "../support/run-plugin.ts";
import { itUnless } from "../support/skip.ts";
import { ping } from "../support/traffic.ts";
import { createWorld, keptByContract, leftovers, type World } from "../support/world.ts";
import { type Attachment, attachment, type Config, globalAddresses, type PrintedResult } from "./bridge-network.ts";

/** A host, a server on a link, and containers with an interface on that link: what a main plugin would have made. */
interface Place {
	readonly world: World;
	readonly network: DhcpNetwork;
}

function place(world: World): Place {
	return { world, network: createDhcpNetwork(world) };
}

type Direct = Omit<Partial<PluginCall>, "config"> & { readonly ipam?: Config };

/** The plugin called by itself. */
function direct({ world, network }: Place, { ipam = {}, ...call }: Direct = {}): Attachment {
	const container = (call.netns as Namespace | undefined) ?? world.container();
	network.connect(container, call.ifName);
	const config = {
		cniVersion: "1.1.0",
		name: "n1",
		type: "dhcp",
		ipam: { type: "dhcp", daemonSocketPath: join(world.directory, "dhcp.sock"), ...ipam },
	};
	return attachment(world, { type: "dhcp", config, netns: container, ...call });
}

/** What a main plugin does with the result: address and default route. */
function configure({ container, result }: Attachment): string {
	const { address = "", gateway = "" } = result.ips?.[0] ?? {};
	runIn(container, ["sh", "-ec", `ip address add ${address} dev eth0; ip route add default via ${gateway}`]);
	return address;
}

/** A container with a lease, and what a main plugin makes of that. */
function bound(world: World) {
	const here = place(world);
	const server = here.network.serve();
	const daemon = startDaemon(world);
	const one = direct(here);
	one.add();
	return { here, server, daemon, one, address: configure(one) };
}

const addressOf = ({ ips }: PrintedResult) => ips?.[0]?.address ?? "";
const routesIn = (container: Namespace) => runIn(container, ["ip", "-4", "route", "show"]);

/** The daemon ends, its leases are made that much older, or changed otherwise, and the next one begins. */
function restartLater(world: World, daemon: Daemon, change: { olderByMs: number }): Daemon {
	daemon.stop("SIGKILL");
	for (const path of recordPaths(daemon.socketPath)) {
		const record = JSON.parse(readFileSync(path, "utf8"));
		for (const time of Object.keys(record.times)) record.times[time] -= change.olderByMs;
		writeFileSync(path, JSON.stringify(record));
	}
	return startDaemon(world);
}

describe("with a main plugin", () => {
	/** The host's side of a link with a server on it. */
	function uplink({ world, network }: Place, name: string): void {
		network.connect(world.host, name);
		runIn(world.host, ["ip", "link", "set", name, "up"]);
	}

	const left = (world: World) =>
		leftovers(world, { except: [...keptByContract, /^\+ (link|qdisc|route|address) .*\b(card0|br0)\b/] });

	it.each([
		["bridge", { bridge: "br0" }],
		["macvlan", { master: "card0" }],
	])("%s gets an address through the interface that it has made, and tells the server when it ends", (type, keys) => {
		using world = createWorld();
		const here = place(world);
		here.network.serve();
		const daemon = startDaemon(world);
		uplink(here, "card0");
		if (type === "bridge") {
			runIn(world.host, ["sh", "-ec", "ip link add br0 type bridge; ip link set card0 master br0; ip link set br0 up"]);
		}
		const ipam = { type: "dhcp", daemonSocketPath: daemon.socketPath };
		const config = { cniVersion: "1.1.0", name: "n1", type, ...keys, ipam };
		const one = attachment(world, { type, config });
		const address = addressOf(one.add());
		expect(address).toMatch(/^10\.9\.0\.\d+\/24$/);
		expect(globalAddresses(one.container, "eth0")).toEqual([address]);
		expect(routesIn(one.container)).toContain("default via 10.9.0.1 dev eth0");
		expect(ping(one.container, "10.9.0.1")).toBe(true);
		one.must("CHECK");
		one.must("DEL");
		expect(here.network.heard().at(-1)).toBe(`DHCPRELEASE ${address.split("/")[0]}`);
		waitUntil("the server to forget the lease", () => here.network.leases().length === 0);
		expect(daemon.records()).toEqual([]);
		expect(left(world)).toEqual([]);
	});

	it("gives the address back when a later step of ADD fails", () => {
		using world = createWorld();
		const here = place(world);
		here.network.serve();
		const daemon = startDaemon(world);
		uplink(here, "card0");
		runIn(world.host, ["sh", "-ec", "ip link add br0 type bridge; ip link set card0 master br0; ip link set br0 up"]);
		const ipam = { type: "dhcp", daemonSocketPath: daemon.socketPath };
		// The bridge has another address already.
		runIn(world.host, "ip address add 10.9.0.254/24 dev br0".split(" "));
		const config = { cniVersion: "1.1.0", name: "n1", type: "bridge", bridge: "br0", isGateway: true, ipam };
		const { exitCode } = attachment(world, { type: "bridge", config }).run("ADD");
		expect(exitCode).toBe(1);
		expect(here.network.heard().at(-1)).toMatch(/^DHCPRELEASE /);
		expect(daemon.records()).toEqual([]);
	});
});

describe("what is asked and answered", () => {
	it("asks and provides what the configuration says, and answers with routes and DNS", () => {
		using world = createWorld();
		const here = place(world);
		here.network.serve({
			args: [
				"--dhcp-option=121,10.7.0.0/16,10.9.0.2,0.0.0.0/0,10.9.0.1",
				"--dhcp-option=6,10.9.0.53",
				"--dhcp-option=15,example.org",
				"--dhcp-option=119,a.example,b.example",
			],
		});
		startDaemon(world);
		const one = direct(here, {
			args: "K8S_POD_NAME=web-1;other",
			ipam: {
				priority: 7,
				request: ["6", "domain-name", "119", "121"].map((option) => ({ option })),
				provide: [
					{ option: "host-name", value: "default", fromArg: "K8S_POD_NAME" },
					{ option: "60", value: "cni" },
				],
			},
		});
		expect(one.add()).toEqual({
			cniVersion: "1.1.0",
			ips: [{ address: expect.stringMatching(/^10\.9\.0\.\d+\/24$/), gateway: "10.9.0.1" }],
			routes: [
				{ dst: "10.7.0.0/16", gw: "10.9.0.2", priority: 7 },
				{ dst: "0.0.0.0/0", gw: "10.9.0.1", priority: 7 },
			],
			dns: { nameservers: ["10.9.0.53"], domain: "example.org", search: ["a.example", "b.example"] },
		});
		const [, , , name, clientId] = here.network.leases()[0]?.split(" ") ?? [];
		expect(name).toBe("web-1");
		expect(clientId?.replaceAll(":", "")).toBe(`00${Buffer.from("container-1/n1/eth0").toString("hex")}`);
	});

	it("has a client id for each interface, and says when the server has no more", () => {
		using world = createWorld();
		const here = place(world);
		here.network.serve({ range: "10.9.0.5,10.9.0.5" });
		startDaemon(world, { flags: ["-timeout", "200ms", "--resendmax=400ms", "-resendtimeout", "900ms"] });
		const container = world.container();
		const [first, second] = [direct(here, { netns: container }), direct(here, { netns: container, ifName: "eth1" })];
		expect(addressOf(first.add())).toBe("10.9.0.5/24");
		expect(second.run("ADD").error).toMatchObject({
			code: 999,
			msg: "error calling DHCP.Allocate: no more tries",
			details: expect.stringContaining("No DHCP server"),
		});
		for (const one of [second, first]) one.must("DEL");
		expect(addressOf(second.add())).toBe("10.9.0.5/24");
	});

	it("refuses what it cannot do before anything is asked", () => {
		using world = createWorld();
		const here = place(world);
		startDaemon(world);
		const message = (ipam: Config) => direct(here, { ipam }).run("ADD").error?.msg;
		expect(message({ request: [{ option: "bogus" }] })).toBe('Can not parse option "bogus"');
		expect(message({ provide: [{ option: "12", value: "x".repeat(256) }] })).toMatch(
			/^value too long for option "12": "x/,
		);
		expect(message({ provide: [{ option: "53", value: "x" }] })).toMatch(/^Cannot provide option "53"/);
		const missing = direct(here, { ifName: "eth0" });
		expect(missing.run("ADD", { ifName: "no0" }).error?.msg).toBe(
			'error calling DHCP.Allocate: error looking up "no0": Link not found',
		);
	});
});

describe("many", () => {
	it("50 at once get an address each, and as many at once give it back", async () => {
		using world = createWorld();
		const here = place(world);
		here.network.serve();
		const daemon = startDaemon(world, { flags: ["-timeout", "1s"] });
		const netns = world.container();
		const all = Array.from({ length: 50 }, (_, index) => direct(here, { netns, ifName: `lan${index}` }));
		const added = await Promise.all(all.map(({ call }) => runPluginAsync({ ...call, command: "ADD" })));
		const addresses = added.map(({ json }) => addressOf(json as PrintedResult));
		expect(new Set(addresses).size).toBe(50);
		expect(daemon.records()).toHaveLength(50);
		const ended = await Promise.all(all.map(({ call }) => runPluginAsync({ ...call, command: "DEL" })));
		expect(ended.filter(({ exitCode }) => exitCode !== 0)).toEqual([]);
		expect(daemon.records()).toEqual([]);
		waitUntil("the server to forget them", () => here.network.leases().length === 0);
	});

	it("several of one attachment at once are one", async () => {
		using world = createWorld();
		const here = place(world);
		here.network.serve();
		startDaemon(world);
		const { call } = direct(here);
		const all = async (command: Command) => Promise.all([1, 2, 3].map(() => runPluginAsync({ ...call, command })));
		const addresses = (await all("ADD")).map(({ json }) => addressOf(json as PrintedResult));
		expect(new Set(addresses).size).toBe(1);
		expect(here.network.heard().filter((line) => line.startsWith("DHCPACK"))).toHaveLength(1);
		expect((await all("DEL")).map(({ exitCode }) => exitCode)).toEqual([0, 0, 0]);
	});

	it("gives up what nobody waits for any more", () => {
		using world = createWorld();
		const here = place(world);
		const daemon = startDaemon(world);
		const { call } = direct(here);
		expect(runPlugin({ ...call, command: "ADD", timeoutMs: 300 }).signal).toBe("SIGKILL");
		waitUntil("the daemon to notice", () => daemon.log().includes("given up: nobody waits"));
		expect(daemon.records()).toEqual([]);
	});
});

describe("the life of a lease", () => {
	it("is prolonged by its server, with a packet to that server alone", () => {
		using world = createWorld();
		const { here, daemon, one, address } = bound(world);
		const listen = `import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
print("ready", flush=True)
while True:
    p, (name, _, kind, _, _) = s.recvfrom(2000)
    if name == "lan" and p[20:24] == bytes([0, 68, 0, 67]): print(kind, socket.inet_ntoa(p[12:16]), socket.inet_ntoa(p[16:20]), flush=True)`;
		const listener = startProgram(world, {
			command: enter(here.network.outside, ["python3", "-c", listen]),
			logFile: join(world.directory, "heard"),
		});
		waitUntil("the listener", () => listener.log() !== "");
		const later = restartLater(world, daemon, { olderByMs: 61_000 });
		waitUntil("the lease to be prolonged", () => later.log().includes(`prolonged ${address}`));
		// 0 is what the kernel calls a packet for itself, 1 a broadcast.
		waitUntil("the listener to tell", () => listener.log() !== "ready\n");
		expect(listener.log()).toBe(`ready\n0 ${address.split("/")[0]} 10.9.0.1\n`);
		one.must("CHECK");
	});

	it("goes on with the next daemon, whatever has ended the first", () => {
		using world = createWorld();
		const { server, daemon, one, address } = bound(world);
		daemon.stop("SIGKILL");
		expect(existsSync(daemon.socketPath)).toBe(true);
		expect(one.run("CHECK").error).toMatchObject({ code: 50, msg: expect.stringContaining("connection refused") });
		const next = startDaemon(world);
		one.must("CHECK");
		expect(addressOf(one.add())).toBe(address);
		const later = restartLater(world, next, { olderByMs: 61_000 });
		waitUntil("the lease to be prolonged", () => later.log().includes(`prolonged ${address}`));
		server.stop();
		one.must("DEL");
		expect(later.records()).toEqual([]);
	});

	it("ends when no server has prolonged it: the address goes; it comes back with the server, routes and all", () => {
		using world = createWorld();
		const { here, server, daemon, one, address } = bound(world);
		server.stop();
		const later = restartLater(world, daemon, { olderByMs: 121_000 });
		waitUntil("the lease to end", () => later.log().includes(`lost ${address}: no server has prolonged it in time`));
		expect(globalAddresses(one.container, "eth0")).toEqual([]);
		expect(one.run("CHECK").error?.msg).toMatch(/has ended, and is not to be had again yet$/);
		// Another daemon knows that, too.
		const last = restartLater(world, later, { olderByMs: 0 });
		here.network.serve();
		waitUntil("the lease to be had again", () => last.log().includes(`got back ${address}`));
		expect(globalAddresses(one.container, "eth0")).toEqual([address]);
		expect(routesIn(one.container)).toContain("default via 10.9.0.1 dev eth0");
		one.must("CHECK");
		one.must("DEL");
	});

	it("ends at once when the server refuses it", () => {
		using world = createWorld();
		const { here, server, daemon, one, address } = bound(world);
		server.stop();
		runIn(here.network.outside, "ip address add 10.8.0.1/24 dev lan".split(" "));
		here.network.serve({ range: "10.8.0.10,10.8.0.20", router: "10.8.0.1" });
		const later = restartLater(world, daemon, { olderByMs: 61_000 });
		waitUntil("the server to refuse", () => later.log().includes(`lost ${address}: the server refuses it`));
		expect(globalAddresses(one.container, "eth0")).toEqual([]);
		waitUntil("another offer", () => /offers 10\.8\.0\.\d+ instead/.test(later.log()));
		// Whoever starts the container anew takes what there is.
		expect(addressOf(one.add())).toMatch(/^10\.8\.0\./);
	});

	it("ends with its interface, of which a restarted daemon learns too", () => {
		using world = createWorld();
		const here = place(world);
		here.network.serve();
		const daemon = startDaemon(world);
		const [one, two] = [direct(here, { containerId: "one" }), direct(here, { containerId: "two" })];
		for (const each of [one, two]) each.add();
		runIn(one.container, ["ip", "link", "del", "eth0"]);
		expect(one.run("CHECK").error?.msg).toMatch(
			/^error calling DHCP\.Check: the interface of container "one".* is gone$/,
		);
		const later = restartLater(world, daemon, { olderByMs: 0 });
		expect(later.log()).toContain("one/n1/eth0: given up: its interface is gone");
		two.must("CHECK");
		here.network.connect(one.container);
		one.add();
		one.must("CHECK");
	});

	it("does not keep the namespace of its container", () => {
		using world = createWorld();
		const here = place(world);
		here.network.serve();
		startDaemon(world);
		const one = direct(here);
		one.add();
		attempt(["ip", "netns", "del", one.container.name]);
		const ports = () => runIn(here.network.outside, ["ip", "-o", "link", "show", "type", "veth"]);
		waitUntil("the kernel to end the namespace", () => ports() === "");
		one.must("DEL");
	});

	it("that is asked for when the daemon is killed is given back by the next one", () => {
		using world = createWorld();
		const here = place(world);
		// The server hears the request and does not answer: from then on it may hold the address.
		here.network.serve();
		const daemon = startDaemon(world);
		const one = direct(here);
		one.add();
		daemon.stop("SIGKILL");
		for (const path of recordPaths(daemon.socketPath)) {
			writeFileSync(
				path,
				JSON.stringify({ ...JSON.parse(readFileSync(path, "utf8")), state: "unclaimed", times: null }),
			);
		}
		const later = startDaemon(world);
		waitUntil("the server to forget the lease", () => here.network.leases().length === 0);
		expect(later.records()).toEqual([]);
	});
});

describe("without a daemon", () => {
	it("DEL and GC succeed, and the next daemon gives back what is held", () => {
		using world = createWorld();
		const here = place(world);
		here.network.serve();
		const daemon = startDaemon(world);
		const [one, two] = [direct(here, { containerId: "one" }), direct(here, { containerId: "two" })];
		for (const each of [one, two]) each.add();
		daemon.stop();
		expect(existsSync(daemon.socketPath)).toBe(false);
		const ended = one.run("DEL");
		expect(ended).toMatchObject({ exitCode: 0, stdout: "", stderr: expect.stringContaining("ends by itself") });
		const states = () => daemon.records().map(({ containerId, state }) => `${containerId} ${state}`);
		expect(states()).toEqual(["one unclaimed", "two bound"]);
		const config = { ...(two.call.config as Config), "cni.dev/valid-attachments": [] };
		two.must("GC", { config, netns: undefined });
		expect(states()).toEqual(["one unclaimed", "two unclaimed"]);
		expect(two.run("STATUS", { netns: undefined }).error).toMatchObject({
			code: 50,
			details: expect.stringContaining("systemctl enable --now cni-dhcp.socket"),
		});
		const next = startDaemon(world);
		waitUntil("the server to forget them", () => here.network.leases().length === 0);
		expect(next.records()).toEqual([]);
	});
});

describe("cnictl doctor", () => {
	it("finds the lease of a container that is gone, when no daemon does, and leaves that of a running one", () => {
		using world = createWorld();
		const here = place(world);
		// Addresses that no other test gives to a container: of whoever had one, the doctor would not be sure.
		here.network.serve({ range: "10.9.0.210,10.9.0.219" });
		// Where `runWithOwnState` shows it as /run/cni.
		const daemon = startDaemon(world, { socketPath: join(world.directory, "run-cni/dhcp.sock") });
		const ipam = { daemonSocketPath: daemon.socketPath };
		// Ids that no process of another test has among its words: the doctor would take it for the container's.
		const ids = { gone: `gone-${randomUUID()}`, running: `running-${randomUUID()}` };
		const [gone, running] = [ids.gone, ids.running].map((containerId) => direct(here, { containerId, ipam }));
		if (gone === undefined || running === undefined) throw new Error("two were made");
		for (const each of [gone, running]) each.add();
		daemon.stop("SIGKILL");
		const number = statSync(gone.container.path).ino;
		attempt(["ip", "netns", "del", gone.container.name]);
		// The kernel gives its number to another: one of these, unless another test has been quicker.
		for (let tries = 0; tries < 20 && statSync(world.container().path).ino !== number; tries++);
		const doctor = (...args: string[]) =>
			runWithOwnState(world, [join(distribution, "cnictl"), "doctor", "--min-age", "0", ...args]);
		const found = doctor();
		expect(found).toMatchObject({ exitCode: 1, stdout: expect.stringMatching(/record of dhcp/) });
		expect(found.stdout).not.toContain(ids.running);
		const mended = doctor("--fix");
		expect(mended.stdout).toMatch(/\b0 left$/m);
		expect(mended).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("connection refused") });
		expect(daemon.records()).toMatchObject([{ containerId: ids.running, state: "bound" }]);
		expect(doctor()).toMatchObject({ exitCode: 0 });
	});
});

describe("the daemon", () => {
	const run = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
		attempt([join(distribution, "dhcp"), "daemon", ...args], { env: { PATH: "/usr/bin:/bin", ...env } });

	it("explains its flags, and refuses what it does not understand", () => {
		expect(run(["-help"])).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("-resendtimeout duration") });
		expect(run(["-x"])).toMatchObject({
			exitCode: 2,
			stderr: expect.stringMatching(/^flag provided but not defined: -x\nUsage/),
		});
		expect(run(["-timeout", "soon"])).toMatchObject({
			exitCode: 2,
			stderr: expect.stringContaining('invalid value "soon"'),
		});
		expect(run(["-pidfile", "x"])).toMatchObject({
			exitCode: 1,
			stderr: expect.stringContaining('Error writing pidfile "x": path not absolute'),
		});
	});

	it("writes its id, takes the place of a dead one, keeps out a second one, and ends without a trace", () => {
		using world = createWorld();
		const pidfile = join(world.directory, "pid");
		const daemon = startDaemon(world, { flags: [...quickFlags, "-pidfile", pidfile] });
		const pid = readFileSync(pidfile, "utf8");
		expect(runIn(world.host, ["cat", `/proc/${pid}/comm`])).toBe("dhcp\n");
		expect(run(["-socketpath", daemon.socketPath])).toMatchObject({
			exitCode: 1,
			stderr: expect.stringContaining("another daemon serves"),
		});
		daemon.stop("SIGKILL");
		const next = startDaemon(world, { flags: ["--pidfile", pidfile] });
		next.stop("SIGINT");
		expect([existsSync(next.socketPath), existsSync(pidfile)]).toEqual([false, false]);
	});

	it("puts the prefix before socket and namespaces, and asks for broadcasts where it shall", () => {
		using world = createWorld();
		const here = place(world);
		here.network.serve();
		// With /proc/self/root as the prefix everything is where it was.
		const socketPath = join(world.directory, "dhcp.sock");
		startDaemon(world, { socketPath, flags: [...quickFlags, "-hostprefix", "/proc/self/root", "-broadcast"] });
		const one = direct(here);
		one.add();
		const [path = ""] = recordPaths(socketPath);
		expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({
			broadcast: true,
			sandbox: { path: `/proc/self/root${one.container.path}` },
		});
		one.must("DEL");
	});

	it("serves the socket that systemd has opened, and leaves it to systemd", () => {
		using world = createWorld();
		const socketPath = join(world.directory, "dhcp.sock");
		const activate = `import os, socket, sys
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); os.dup2(s.fileno(), 3); os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid())); os.execv(sys.argv[2], sys.argv[2:])`;
		const wrapper = ["python3", "-c", activate, socketPath];
		const daemon = startDaemon(world, { wrapper, socketPath });
		const config = {
			cniVersion: "1.1.0",
			name: "n1",
			type: "dhcp",
			ipam: { type: "dhcp", daemonSocketPath: socketPath },
		};
		mustRunPlugin({ world, type: "dhcp", command: "STATUS", config });
		daemon.stop();
		expect(existsSync(socketPath)).toBe(true);
		const env = { LISTEN_FDS: "2", LISTEN_PID: "1" };
		// Meant for another process.
		const other = startDaemon(world, { env });
		other.stop();
	});

	it("lets go of callers who do not speak its language, and serves the others", () => {
		using world = createWorld();
		const daemon = startDaemon(world);
		const speak = `import socket, sys
s = socket.socket(socket.AF_UNIX); s.settimeout(3); s.connect(sys.argv[1]); s.sendall(sys.argv[2].encode() + b"\\n\\n")
print(s.recv(99).decode().split("\\n")[0]); s.sendall(bytes.fromhex(sys.argv[3])); print(s.recv(99))`;
		const say = (head: string, hex: string) =>
			attemptIn(world.host, ["python3", "-c", speak, daemon.socketPath, head, hex]).stdout;
		const welcome = "HTTP/1.0 200 Connected to Go RPC\n";
		// A value of a type that was not defined; numbers and lengths without end.
		for (const hex of ["03080000", "f8ffffffffffffffff", "05f800000000"]) {
			expect(say("CONNECT /_goRPC_ HTTP/1.0", hex)).toBe(`${welcome}b''\n`);
		}
		expect(say("GET /_goRPC_ HTTP/1.0", "")).toMatch(/^HTTP\/1\.0 405 /);
		expect(say("GET /debug/rpc HTTP/1.0", "")).toMatch(/^HTTP\/1\.0 404 /);
		const ipam = { type: "dhcp", daemonSocketPath: daemon.socketPath };
		mustRunPlugin({
			world,
			type: "dhcp",
			command: "STATUS",
			config: { cniVersion: "1.1.0", name: "n1", type: "dhcp", ipam },
		});
		expect(daemon.log()).not.toContain("undefined");
	});
});

const stockDaemon = join(tools, "dhcp");
const itWithStock = itUnless(existsSync(stockDaemon) ? undefined : "the stock dhcp is not there: bin/setup --stock");

describe("with the reference's dhcp", () => {
	itWithStock("its daemon serves our plugin", () => {
		using world = createWorld();
		const here = place(world);
		here.network.serve({ args: ["--dhcp-option=33,10.0.0.0,10.9.0.2"] });
		startDaemon(world, { executable: stockDaemon, flags: ["-timeout", "500ms"] });
		const one = direct(here, { ipam: { priority: 7, request: [{ option: "33" }] } });
		expect(one.add()).toEqual({
			cniVersion: "1.1.0",
			ips: [{ address: expect.stringMatching(/^10\.9\.0\.\d+\/24$/), gateway: "10.9.0.1" }],
			routes: [
				{ dst: "10.0.0.0/8", gw: "10.9.0.2", priority: 7 },
				{ dst: "0.0.0.0/0", gw: "10.9.0.1", priority: 7 },
			],
		});
		expect(one.run("CHECK")).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("of another suite") });
		one.must("STATUS", { netns: undefined });
		const config = { ...(one.call.config as Config), "cni.dev/valid-attachments": [] };
		expect(one.run("GC", { config, netns: undefined })).toMatchObject({
			exitCode: 0,
			stderr: expect.stringContaining("does not know DHCP.Collect"),
		});
		one.must("DEL");
	});

	itWithStock("its plugin is served by our daemon, in every version, and told the same errors", () => {
		using world = createWorld();
		const here = place(world);
		here.network.serve();
		const daemon = startDaemon(world);
		const one = direct(here, { cniPath: tools });
		const address = addressOf(one.add());
		const { stdout: ours } = direct(here, { netns: one.container }).run("ADD");
		expect(JSON.parse(ours)).toEqual(one.result);
		one.must("CHECK");
		const unknown = { ...(one.call.config as Config), ipam: { ...ipamOf(one), request: [{ option: "bogus" }] } };
		expect(one.run("ADD", { config: unknown }).error?.msg).toBe(
			'error calling DHCP.Allocate: Can not parse option "bogus"',
		);
		one.must("DEL");
		expect(daemon.log()).toContain(`released ${address.split("/")[0]}`);
	});

	function ipamOf({ call }: Attachment): Config {
		return (call.config as { ipam: Config }).ipam;
	}
});
