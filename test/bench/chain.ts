import { join } from "node:path";
import { createNamespace, deleteNamespace, type Namespace } from "../support/namespace.ts";
import { type Bench, compare, type Figure } from "./figure.ts";
import { createMeasuringHost, type MeasuringHost } from "./measuring-host.ts";

/** Who attaches: the stock plugins one by one, as libcni calls them; ours in the same way; ours through `chain`. */
type Way = "stock" | "ours" | "chain";

type Verb = "ADD" | "DEL";

const title = "bridge (`ipMasq`) + portmap (5 ports) + firewall";

const bars = { ours: { ADD: 0.4, DEL: 0.4 }, chain: { ADD: 0.25, DEL: 0.25 } } as const;

/** A whole list of plugins: called one by one, and in one call of `chain`. */
export async function chainFigures(bench: Bench): Promise<Figure[]> {
	const container = createNamespace(`cst-${process.pid}-list`);
	try {
		const costs = await measure(bench, container);
		return (["ours", "chain"] as const).flatMap((way) =>
			(["ADD", "DEL"] as const).map((verb) =>
				compare(`${title}${way === "chain" ? " through `chain`" : ", one by one"}: ${verb}`, {
					ours: costs[way][verb],
					stock: costs.stock[verb],
					unit: "ms",
					bar: bars[way][verb],
				}),
			),
		);
	} finally {
		deleteNamespace(container);
	}
}

const settleMs = 50;

type Costs = Record<Way, Record<Verb, number[]>>;

async function measure(bench: Bench, container: Namespace): Promise<Costs> {
	await using stock = createMeasuringHost(`cst-${process.pid}-stock`);
	await using ours = createMeasuringHost(`cst-${process.pid}-ours`);
	await using chain = createMeasuringHost(`cst-${process.pid}-chain`);
	const hosts = { stock, ours, chain };
	const runs = bench.quick ? 10 : 60;
	const ways: readonly Way[] = ["stock", "ours", "chain"];
	const costs: Costs = { stock: { ADD: [], DEL: [] }, ours: { ADD: [], DEL: [] }, chain: { ADD: [], DEL: [] } };
	// The first calls make bridge and tables and warm the page cache; they are not counted.
	for (let run = -2; run < runs; run++) {
		// Each goes first in every third run.
		for (const offset of ways.keys()) {
			const way = ways[(run + 3 + offset) % ways.length] ?? "stock";
			// The kernel frees what a DEL has deleted some time later, and makes others wait for it: not the next in turn.
			Bun.sleepSync(settleMs);
			const { ADD, DEL } = await attachAndDetach(bench, { way, container, host: hosts[way] });
			if (run < 0) continue;
			costs[way].ADD.push(ADD);
			costs[way].DEL.push(DEL);
		}
	}
	return costs;
}

interface Attachment {
	readonly way: Way;
	readonly container: Namespace;
	readonly host: MeasuringHost;
}

/** Milliseconds of each verb, all plugins together. */
async function attachAndDetach(bench: Bench, { way, container, host }: Attachment): Promise<Record<Verb, number>> {
	const members = list(bench, way);
	const call = { bin: way === "stock" ? bench.stock : bench.ours, netns: container.path, containerId: `bench-${way}` };
	const common = { cniVersion: "1.0.0", name: `list-${way}` };
	if (way === "chain") {
		const config = { ...common, stateDir: join(bench.directory, "state"), runtimeConfig, plugins: members };
		const run = async (command: Verb) => (await host.timed({ ...call, type: "chain", command, config })).wallMs;
		return { ADD: await run("ADD"), DEL: await run("DEL") };
	}
	let prevResult: unknown;
	const total: Record<Verb, number> = { ADD: 0, DEL: 0 };
	const run = async (command: Verb, { capabilities, ...member }: Member) => {
		const known = { ...(capabilities && { runtimeConfig }), ...(prevResult ? { prevResult } : {}) };
		const timed = await host.timed({ ...call, type: member.type, command, config: { ...member, ...common, ...known } });
		if (command === "ADD") prevResult = JSON.parse(timed.stdout);
		total[command] += timed.wallMs;
	};
	for (const member of members) await run("ADD", member);
	for (const member of members.toReversed()) await run("DEL", member);
	return total;
}

const runtimeConfig = {
	portMappings: [1, 2, 3, 4, 5].map((n) => ({ hostPort: 8000 + n, containerPort: n, protocol: "tcp" })),
};

interface Member {
	readonly type: string;
	readonly capabilities?: object;
}

/** The list of one way: a subnet of its own, as they share the dataDir. */
function list(bench: Bench, way: Way): readonly Member[] {
	const ipam = {
		type: "host-local",
		dataDir: join(bench.directory, "networks"),
		ranges: [[{ subnet: `10.${{ stock: 90, ours: 91, chain: 92 }[way]}.0.0/16` }]],
		routes: [{ dst: "0.0.0.0/0" }],
	};
	const bridge = { type: "bridge", bridge: "br0", isGateway: true, ipMasq: true, ipam };
	return [bridge, { type: "portmap", capabilities: { portMappings: true } }, { type: "firewall" }];
}
