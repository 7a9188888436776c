import { createNamespace, deleteNamespace, type Namespace } from "../support/namespace.ts";
import { inTurn } from "./attachment.ts";
import { type Call, type Cost, timed } from "./call.ts";
import { type Bench, compare, type Figure, median, verdictOf } from "./figure.ts";
import { measureTraffic, serveTraffic, type Traffic } from "./port-traffic.ts";

const crowd = 10_000;
const portsEach = 50;
const most = 1.3;
const least = 0.97;

/** Port maps: fifty in one ADD beside the reference, and what ten thousand of others change. */
export async function portFigures(bench: Bench): Promise<Figure[]> {
	const name = `cst-${process.pid}-ports`;
	const [container, outside] = [createNamespace(`${name}-in`), createNamespace(`${name}-out`)];
	try {
		connect(container, outside);
		return [
			...manyInOneAdd(bench, container),
			...besideMany(bench, container),
			...(await traffic(bench, { container, outside })),
		];
	} finally {
		for (const namespace of [container, outside]) deleteNamespace(namespace);
	}
}

/** A network by hand: 192.0.2.1 is this host's address for `outside`, 10.80.0.0/16 the containers'. */
function connect(container: Namespace, outside: Namespace): void {
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
	const { exitCode, stderr } = Bun.spawnSync(["sh", "-ec", script.join("\n")]);
	if (exitCode !== 0) throw new Error(`Cannot make the network: ${stderr}`);
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

function besideMany(bench: Bench, container: Namespace): Figure[] {
	const runs = bench.quick ? 10 : 60;
	const call = portCall(bench.ours, container, { number: 2, first: 20_000, count: 1 });
	const alone: Record<"ADD" | "DEL", Cost[]> = { ADD: [], DEL: [] };
	const beside: Record<"ADD" | "DEL", Cost[]> = { ADD: [], DEL: [] };
	const measure = (into: typeof alone, count: number) => {
		for (let run = -2; run < count; run++) {
			for (const command of ["ADD", "DEL"] as const) {
				const cost = timed({ ...call, command });
				if (run >= 0) into[command].push(cost);
			}
		}
	};
	measure(alone, runs / 2);
	for (const other of crowdCalls(bench, container)) timed({ ...other, command: "ADD" });
	measure(beside, runs);
	for (const other of crowdCalls(bench, container)) timed({ ...other, command: "DEL" });
	// Before and after, so that a slow spell of the machine does not count as growth.
	measure(alone, runs / 2);
	return (["ADD", "DEL"] as const).map((verb) => {
		const [first, last] = [alone[verb], beside[verb]].map((costs) => median(costs.map(({ wallMs }) => wallMs)));
		const growth = (last ?? Number.NaN) / (first ?? Number.NaN);
		return {
			what: `portmap ${verb} with ${crowd.toLocaleString("en")} mappings present, over the first`,
			ours: `${(last ?? Number.NaN).toFixed(2)} ms over ${(first ?? Number.NaN).toFixed(2)} ms`,
			stock: "",
			ratio: growth.toFixed(2),
			bar: verb === "ADD" ? `≤ ${most}` : "",
			verdict: verb === "ADD" ? verdictOf(growth, most) : "",
		};
	});
}

async function traffic(
	bench: Bench,
	{ container, outside }: { container: Namespace; outside: Namespace },
): Promise<Figure[]> {
	await using _ = await serveTraffic(container);
	// Connections to odd ports are closed at once, those to even ones are fed.
	timed({ ...portCall(bench.ours, container, { number: 2, first: 20_000, count: 2 }), command: "ADD" });
	const alone: Traffic[] = [];
	const beside: Traffic[] = [];
	const calls = crowdCalls(bench, container);
	const seconds = bench.quick ? 0.5 : 3;
	const measure = () => measureTraffic(outside, { address: "192.0.2.1", bulk: 20_000, brief: 20_001, seconds });
	for (let round = -1; round < (bench.quick ? 1 : 6); round++) {
		const first = await measure();
		for (const call of calls) timed({ ...call, command: "ADD" });
		const second = await measure();
		for (const call of calls) timed({ ...call, command: "DEL" });
		if (round < 0) continue;
		alone.push(first);
		beside.push(second);
	}
	const figure = (what: string, key: keyof Traffic, show: (value: number) => string, bar?: number): Figure => {
		const [few, many] = [alone, beside].map((all) => median(all.map((one) => one[key])));
		const ratio = median(alone.map((one, index) => (beside[index]?.[key] ?? Number.NaN) / one[key]));
		return {
			what: `${what} with ${crowd.toLocaleString("en")} mappings, over one`,
			ours: `${show(many ?? Number.NaN)} over ${show(few ?? Number.NaN)}`,
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
