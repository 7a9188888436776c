import { join } from "node:path";
import { createNamespace, deleteNamespace, type Namespace } from "../support/namespace.ts";
import { type Bench, compare, type Figure, median } from "./figure.ts";
import { createMeasuringHost, type MeasuringHost } from "./measuring-host.ts";

/** What is called: the network of a Mesos task, the same bridge alone, and that of the stock plugins. */
type Way = "task" | "plain" | "stock";

const ways: readonly Way[] = ["task", "plain", "stock"];

const mostOverPlain = 1.5;

/** What a task of Mesos waits for, with a port and a group, beside an ADD of nothing but a bridge and an address. */
export async function isolateFigures(bench: Bench): Promise<Figure[]> {
	const container = createNamespace(`cst-${process.pid}-isolate`);
	try {
		const { task, plain, stock } = await measure(bench, container);
		const title = "isolate of a task with bridge + portmap + groups through `chain`";
		const overPlain = compare(`${title}, over plain bridge: ADD`, {
			ours: task,
			stock: plain,
			unit: "ms",
			bar: mostOverPlain,
		});
		return [
			{ ...overPlain, stock: `${median(plain).toFixed(2)} ms, our plain bridge` },
			compare("the same over stock's plain bridge: ADD", { ours: task, stock, unit: "ms", bar: mostOverPlain }),
		];
	} finally {
		deleteNamespace(container);
	}
}

const settleMs = 50;

/** Milliseconds of each ADD. */
async function measure(bench: Bench, container: Namespace): Promise<Record<Way, number[]>> {
	await using task = createMeasuringHost(`cst-${process.pid}-task`);
	await using plain = createMeasuringHost(`cst-${process.pid}-plain`);
	await using stock = createMeasuringHost(`cst-${process.pid}-stock`);
	const hosts = { task, plain, stock };
	const costs: Record<Way, number[]> = { task: [], plain: [], stock: [] };
	const runs = bench.quick ? 10 : 100;
	// The first calls make bridge and tables and warm the page cache; they are not counted.
	for (let run = -2; run < runs; run++) {
		// Each goes first in every third run.
		for (const offset of ways.keys()) {
			const way = ways[(run + 3 + offset) % ways.length] ?? "stock";
			// The kernel frees what a DEL has deleted some time later, and makes others wait for it: not the next in turn.
			Bun.sleepSync(settleMs);
			const wallMs = await attachAndDetach(bench, { way, container, host: hosts[way] });
			if (run >= 0) costs[way].push(wallMs);
		}
	}
	return costs;
}

interface Attachment {
	readonly way: Way;
	readonly container: Namespace;
	readonly host: MeasuringHost;
}

/** As the isolator calls: without a version, with the framework's wishes in `args`. */
async function attachAndDetach(bench: Bench, { way, container, host }: Attachment): Promise<number> {
	const config = { name: `isolate-${way}`, ...(way === "task" ? chain(bench) : bridge(bench, way)), args };
	const call = {
		bin: way === "stock" ? bench.stock : bench.ours,
		type: config.type,
		config,
		netns: container.path,
		containerId: `bench-${way}`,
	};
	const { wallMs } = await host.timed({ ...call, command: "ADD" });
	await host.timed({ ...call, command: "DEL" });
	return wallMs;
}

const args = {
	"org.apache.mesos": {
		network_info: {
			name: "isolate",
			groups: ["shop"],
			port_mappings: [{ host_port: 8080, container_port: 80, protocol: "tcp" }],
		},
	},
};

function chain(bench: Bench) {
	const plugins = [
		bridge(bench, "task"),
		{ type: "portmap", capabilities: { portMappings: true } },
		{ type: "groups" },
	];
	return { type: "chain", stateDir: join(bench.directory, "state"), plugins };
}

/** With a subnet of its own, as they share the dataDir. */
function bridge(bench: Bench, way: Way) {
	const ipam = {
		type: "host-local",
		dataDir: join(bench.directory, "networks"),
		ranges: [[{ subnet: `10.${{ task: 95, plain: 96, stock: 97 }[way]}.0.0/16` }]],
	};
	return { type: "bridge", bridge: "br0", isDefaultGateway: true, ipam };
}
