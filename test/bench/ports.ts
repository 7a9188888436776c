import { rmSync } from "node:fs";
import { createNamespace, deleteNamespace, enter, type Namespace } from "../support/namespace.ts";
import { firewallRecordsOf } from "../support/world.ts";
import { inTurn } from "./attachment.ts";
import { type Call, timed } from "./call.ts";
import { type Bench, compare, type Figure, median, verdictOf } from "./figure.ts";
import { measureTraffic, serveTraffic, type Traffic } from "./port-traffic.ts";

const crowd = 10_000;
const portsEach = 50;
const most = 1.3;
const least = 0.97;

/** Port maps: fifty in one ADD beside the reference, and what ten thousand of others change. */
export async function portFigures(bench: Bench): Promise<Figure[]> {
	using site = createSite("crowd");
	const { container } = site;
	return [...manyInOneAdd(bench, container), ...besideMany(bench, site), ...(await traffic(bench, site))];
}

/** A host with a container behind it and another host beside it. */
interface Site extends Disposable {
	/** Undefined: the namespace that this runs in. */
	readonly host: Namespace | undefined;
	readonly container: Namespace;
	readonly outside: Namespace;
}

function createSite(title: string, { ownHost = false } = {}): Site {
	const create = (role: string) => createNamespace(`cst-${process.pid}-${title}-${role}`);
	const [host, container, outside] = [ownHost ? create("host") : undefined, create("in"), create("out")];
	const site: Site = {
		host,
		container,
		outside,
		[Symbol.dispose]() {
			if (host !== undefined) rmSync(firewallRecordsOf(host), { recursive: true, force: true });
			for (const namespace of [container, outside, host]) if (namespace !== undefined) deleteNamespace(namespace);
		},
	};
	connect(site);
	return site;
}

/** By hand: 192.0.2.1 is the host's address for `outside`, 10.80.0.0/16 the containers'. */
function connect(site: Site): void {
	const { container, outside } = site;
	const script = [
		"sysctl -qw net.ipv4.ip_forward=1",
		`ip link add ports-in type veth peer name eth0 netns ${container.name}`,
		`ip link add ports-out type veth peer name eth0 netns ${outside.name}`,
		"ip address add 10.80.255.254/16 dev ports-in",
		"ip address add 192.0.2.1/24 dev ports-out",
		"ip link set ports-in up",
		"ip link set ports-out up",
		`ip -n ${container.name} address add 10.80.0.2/16 dev eth0`,
		`ip -n ${outside.name} address add 192.0.2.9/24 dev eth0`,
		`ip -n ${container.name} link set eth0 up`,
		`ip -n ${outside.name} link set eth0 up`,
		`ip -n ${container.name} route add default via 10.80.255.254`,
	];
	const { exitCode, stderr } = Bun.spawnSync(onHost(site, ["sh", "-ec", script.join("\n")]));
	if (exitCode !== 0) throw new Error(`Cannot make the network: ${stderr}`);
}

function onHost({ host }: Site, command: readonly string[]): string[] {
	return host === undefined ? [...command] : enter(host, command);
}

interface Ports {
	/** Tells containers and their addresses apart: 10.80.N. */
	readonly number: number;
	readonly first: number;
	readonly count: number;
	readonly extra?: object;
}

/** A call of portmap, all but the command. */
function portCall(
	bin: string,
	container: Namespace,
	{ number, first, count, extra = {} }: Ports,
): Omit<Call, "command"> {
	const portMappings = Array.from({ length: count }, (_, n) => {
		return { hostPort: first + n, containerPort: 80 + (n % 2), protocol: "tcp" };
	});
	const address = `10.80.${number >> 8}.${number & 255}/16`;
	return {
		bin,
		type: "portmap",
		netns: container.path,
		containerId: `bench-${number}`,
		config: {
			cniVersion: "1.0.0",
			name: "ports",
			type: "portmap",
			...extra,
			runtimeConfig: { portMappings },
			prevResult: {
				cniVersion: "1.0.0",
				interfaces: [{ name: "eth0", sandbox: container.path }],
				ips: [{ address, interface: 0 }],
			},
		},
	};
}

function manyInOneAdd(bench: Bench, container: Namespace): Figure[] {
	const runs = bench.quick ? 3 : 15;
	const walls = {
		ours: { ADD: [] as number[], DEL: [] as number[] },
		stock: { ADD: [] as number[], DEL: [] as number[] },
	};
	for (let run = -1; run < runs; run++) {
		for (const suite of inTurn(run)) {
			const extra = suite === "ours" ? {} : { backend: "iptables" };
			const call = portCall(bench[suite], container, { number: 2, first: 20_000, count: portsEach, extra });
			for (const command of ["ADD", "DEL"] as const) {
				const { wallMs } = timed({ ...call, command });
				if (run >= 0) walls[suite][command].push(wallMs);
			}
		}
		// The plugin looks into tables of iptables where there are such: it is not to pay for the other's.
		Bun.spawnSync(["nft", "flush", "ruleset"]);
	}
	const series = (verb: "ADD" | "DEL") => ({ ours: walls.ours[verb], stock: walls.stock[verb], unit: "ms" as const });
	return [
		compare(`${portsEach} mapped ports in one ADD (stock: iptables)`, { ...series("ADD"), bar: 0.1 }),
		compare(`${portsEach} mapped ports in one ADD (stock: iptables): DEL`, series("DEL")),
	];
}

/** Calls of as many containers as it takes to have `crowd` ports. */
function crowdCalls(bench: Bench, container: Namespace): readonly Omit<Call, "command">[] {
	return Array.from({ length: crowd / portsEach }, (_, n) =>
		portCall(bench.ours, container, { number: n + 100, first: 30_000 + n * portsEach, count: portsEach }),
	);
}

/**
 * On two hosts in turn, one with ten thousand mappings and one with none: a busy machine gives no two seconds alike.
 * Either is entered, which adds a millisecond to both.
 */
function besideMany(bench: Bench, crowded: Site): Figure[] {
	using lone = createSite("alone", { ownHost: true });
	const sites = { alone: lone, beside: crowded };
	const walls = {
		alone: { ADD: [] as number[], DEL: [] as number[] },
		beside: { ADD: [] as number[], DEL: [] as number[] },
	};
	const calls = crowdCalls(bench, crowded.container);
	for (const call of calls) timed({ ...call, command: "ADD" });
	for (let run = -2; run < (bench.quick ? 10 : 60); run++) {
		for (const which of run % 2 === 0 ? (["alone", "beside"] as const) : (["beside", "alone"] as const)) {
			const { container, host = ownNamespace } = sites[which];
			const call = portCall(bench.ours, container, { number: 2, first: 20_000, count: 1 });
			for (const command of ["ADD", "DEL"] as const) {
				const { wallMs } = timed({ ...call, command, inside: host });
				if (run >= 0) walls[which][command].push(wallMs);
			}
		}
	}
	for (const call of calls) timed({ ...call, command: "DEL" });
	return (["ADD", "DEL"] as const).map((verb) => {
		const [first, last] = [walls.alone[verb], walls.beside[verb]];
		const growth = median(last.map((value, index) => value / (first[index] ?? Number.NaN)));
		return {
			what: `portmap ${verb} with ${crowd.toLocaleString("en")} mappings present, over the first`,
			ours: `${median(last).toFixed(2)} ms over ${median(first).toFixed(2)} ms`,
			stock: "",
			ratio: growth.toFixed(2),
			bar: verb === "ADD" ? `≤ ${most}` : "",
			verdict: verb === "ADD" ? verdictOf(growth, most) : "",
		};
	});
}

/** The namespace that this runs in, to be entered like any other. */
const ownNamespace: Namespace = { name: "", path: "/proc/self/ns/net" };

/**
 * Two hosts of the same making, one with a single container's ports, the other with ten thousand: measured in turn, in
 * short pieces, as a busy machine gives no two seconds alike.
 */
async function traffic(bench: Bench, crowded: Site): Promise<Figure[]> {
	using lone = createSite("lone", { ownHost: true });
	await using _crowded = await serveTraffic(crowded.container);
	await using _lone = await serveTraffic(lone.container);
	for (const site of [crowded, lone]) {
		// Connections to odd ports are closed at once, those to even ones are fed.
		const call = portCall(bench.ours, site.container, { number: 2, first: 20_000, count: 2 });
		timed({ ...call, command: "ADD", ...(site.host === undefined ? {} : { inside: site.host }) });
	}
	const calls = crowdCalls(bench, crowded.container);
	for (const call of calls) timed({ ...call, command: "ADD" });
	const measured = { alone: [] as Traffic[], beside: [] as Traffic[] };
	for (let round = -1; round < (bench.quick ? 4 : 40); round++) {
		for (const which of round % 2 === 0 ? (["alone", "beside"] as const) : (["beside", "alone"] as const)) {
			const { outside } = which === "alone" ? lone : crowded;
			const options = { address: "192.0.2.1", bulk: 20_000, brief: 20_001, seconds: 0.4 };
			const result = await measureTraffic(outside, options);
			if (round >= 0) measured[which].push(result);
		}
	}
	for (const call of calls) timed({ ...call, command: "DEL" });
	const figure = (what: string, key: keyof Traffic, show: (value: number) => string, bar?: number): Figure => {
		const { alone, beside } = measured;
		const [few = Number.NaN, many = Number.NaN] = [alone, beside].map((all) => median(all.map((one) => one[key])));
		const ratio = median(alone.map((one, index) => (beside[index]?.[key] ?? Number.NaN) / one[key]));
		return {
			what: `${what} with ${crowd.toLocaleString("en")} mappings, over one`,
			ours: `${show(many)} over ${show(few)}`,
			stock: "",
			ratio: ratio.toFixed(2),
			bar: bar === undefined ? "" : `≥ ${bar}`,
			verdict: bar === undefined ? "" : ratio >= bar ? "met" : "missed",
		};
	};
	return [
		figure(
			"throughput through a mapped port",
			"bytesPerSecond",
			(value) => `${(value * 8e-9).toFixed(1)} Gbit/s`,
			least,
		),
		figure("new connections through a mapped port", "connectionsPerSecond", (value) => `${Math.round(value)} /s`),
	];
}
