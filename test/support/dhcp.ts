import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { attempt, attemptIn, enter, type Namespace, runIn } from "./namespace.ts";
import { distribution, systemPath } from "./paths.ts";
import type { World } from "./world.ts";

/** A program that runs beside a test, and what it has written to stderr. */
export interface Background {
	readonly pid: number;
	log(): string;
	/** Ends it, and waits for that. Any number of times. */
	stop(signal?: NodeJS.Signals): void;
}

/** A link with a DHCP server at its other end: a bridge in a namespace of its own, to which containers are connected. */
export interface DhcpNetwork {
	/** The namespace of the server. */
	readonly outside: Namespace;
	/** Starts dnsmasq, by default with the addresses 10.9.0.10 to 10.9.0.99; without the leases that it had. */
	serve(options?: ServerOptions): Background;
	/** What the server holds, a line each: expiry, hardware address, address, name, client id. */
	leases(): readonly string[];
	/** What the server has been told: `DHCPREQUEST 10.9.0.10`. */
	heard(): readonly string[];
	/** Gives the container an interface on the link, down. */
	connect(container: Namespace, ifName?: string): void;
}

export interface ServerOptions {
	readonly range?: string;
	/** Further arguments of dnsmasq. */
	readonly args?: readonly string[];
	readonly router?: string;
}

export function createDhcpNetwork(world: World): DhcpNetwork {
	const outside = world.container();
	const directory = join(world.directory, `dnsmasq-${outside.name}`);
	mkdirSync(directory);
	const file = (name: string) => join(directory, name);
	runIn(outside, [
		"sh",
		"-ec",
		`sysctl -qw net.ipv6.conf.default.addr_gen_mode=1
		ip link add lan type bridge; ip address add 10.9.0.1/24 dev lan; ip link set lan up`,
	]);
	const lines = (name: string) =>
		existsSync(file(name)) ? readFileSync(file(name), "utf8").split("\n").filter(Boolean) : [];
	let connected = 0;
	return {
		outside,
		serve({ range = "10.9.0.10,10.9.0.99", args = [], router = "10.9.0.1" } = {}) {
			writeFileSync(file("leases"), "");
			const command = [
				"dnsmasq",
				"--no-daemon --conf-file=/dev/null --pid-file= --user=root --port=0 --interface=lan --bind-interfaces",
				"--no-ping --dhcp-authoritative --dhcp-lease-max=500 --log-dhcp",
				`--dhcp-range=${range},255.255.255.0,2m --dhcp-option=3,${router} --dhcp-leasefile=${file("leases")}`,
				...args,
			].flatMap((words) => words.split(" "));
			const server = startProgram(world, { command: enter(outside, command), logFile: file("log") });
			waitUntil("dnsmasq to serve", () => server.log().includes("sockets bound"));
			return server;
		},
		leases: () => lines("leases"),
		heard: () =>
			lines("log").flatMap((line) => {
				const [, what, rest = ""] = /: \d+ (DHCP[A-Z]+)\(lan\)(.*)/.exec(line) ?? [];
				const address = /\d+\.\d+\.\d+\.\d+/.exec(rest)?.[0] ?? "";
				return what === undefined ? [] : [`${what} ${address}`.trim()];
			}),
		connect(container, ifName = "eth0") {
			if (attemptIn(container, ["ip", "link", "show", ifName]).exitCode === 0) return;
			const port = `port${connected++}`;
			const link = `ip link add ${port} master lan up type veth peer name ${ifName} netns ${container.name}`;
			runIn(outside, link.split(" "));
			runIn(container, ["sysctl", "-qw", `net.ipv6.conf.${ifName}.addr_gen_mode=1`]);
		},
	};
}

export interface Daemon extends Background {
	readonly socketPath: string;
	/** Records of leases, as they are on disk. */
	records(): readonly Readonly<Record<string, unknown>>[];
}

export interface DaemonOptions {
	/** Flags, beside -socketpath; by default short waits. */
	readonly flags?: readonly string[];
	/** By default ours. */
	readonly executable?: string;
	/** By default `dhcp.sock` in the world's directory. */
	readonly socketPath?: string;
	/** Put before the command line: a tracer. */
	readonly wrapper?: readonly string[];
	readonly env?: Readonly<Record<string, string>>;
	/** Whether to wait until it listens; by default yes. */
	readonly awaited?: boolean;
}

export const quickFlags = ["-timeout", "300ms", "-resendmax", "600ms", "-resendtimeout", "3s"];

/** `dhcp daemon` in the host's namespace. */
export function startDaemon(
	world: World,
	{
		flags = quickFlags,
		executable = join(distribution, "dhcp"),
		wrapper = [],
		awaited = true,
		...options
	}: DaemonOptions = {},
): Daemon {
	const { socketPath = join(world.directory, "dhcp.sock") } = options;
	const isOurs = executable.startsWith(distribution);
	mkdirSync(dirname(socketPath), { recursive: true });
	const command = enter(world.host, [...wrapper, executable, "daemon", "-socketpath", socketPath, ...flags]);
	const daemon = startProgram(world, { command, logFile: `${socketPath}.log`, env: options.env ?? {} });
	// The reference's says nothing when it begins.
	const listens = () => daemon.log().includes("listening at") || (!isOurs && existsSync(socketPath));
	if (awaited) waitUntil("the daemon to listen", listens);
	return {
		...daemon,
		socketPath,
		records: () =>
			recordPaths(socketPath).map((path) => JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>),
	};
}

/** The files of a daemon's leases. */
export function recordPaths(socketPath: string): readonly string[] {
	const { stdout } = attempt(["find", `${socketPath}.leases`, "-type", "f", "-not", "-name", ".lock"]);
	return stdout.split("\n").filter(Boolean).sort();
}

interface Start {
	readonly command: readonly string[];
	readonly logFile: string;
	readonly env?: Readonly<Record<string, string>>;
}

/** Starts a program that is ended with its world, whose namespaces it would keep. */
export function startProgram(world: World, { command: [program = "", ...args], logFile, env = {} }: Start): Background {
	const fd = openSync(logFile, "w");
	const child = spawn(program, args, { stdio: ["ignore", fd, fd], env: { PATH: systemPath, ...env } });
	closeSync(fd);
	// Jest ends whether it has ended or not.
	child.unref();
	const stop = (signal: NodeJS.Signals = "SIGTERM") => end(child, signal);
	world.beforeDispose(() => stop("SIGKILL"));
	return { pid: child.pid ?? 0, log: () => readFileSync(logFile, "utf8"), stop };
}

/** Node learns of its end when the test yields; the kernel knows before. */
function end(child: ChildProcess, signal: NodeJS.Signals): void {
	if (!isRunning(child.pid)) return;
	process.kill(child.pid ?? 0, signal);
	waitUntil(`process ${child.pid} to end`, () => !isRunning(child.pid));
}

function isRunning(pid: number | undefined): boolean {
	try {
		return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
	} catch {
		return false;
	}
}

/** Waits, without letting anything else of the test run. @throws Error after `timeoutMs` */
export function waitUntil(what: string, isTrue: () => boolean, timeoutMs = 5_000): void {
	const deadline = Date.now() + timeoutMs;
	while (!isTrue()) {
		if (Date.now() > deadline) throw new Error(`Waited ${timeoutMs} ms for ${what}`);
		Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
	}
}
