import { join } from "node:path";
import { createNamespace, deleteNamespace, type Namespace } from "../support/namespace.ts";
import { type Call, type Cost, peakMegabytes, timed } from "./call.ts";
import { type Bench, compare, type Figure, type Suite } from "./figure.ts";

/** bridge with host-local, one call at a time: plain, and with masquerading. */
export function attachmentFigures(bench: Bench): Figure[] {
	const container = createNamespace(`cst-${process.pid}-one`);
	try {
		return [
			...figures(bench, container, { title: "bridge + host-local", extra: {}, bars: { ADD: 0.9, DEL: 1 } }),
			...figures(bench, container, {
				title: "the same with `ipMasq`",
				extra: { ipMasq: true },
				bars: { ADD: 0.5, DEL: 0.5 },
			}),
			...figures(bench, container, {
				title: "the same with `ipMasq` through nftables on both sides",
				extra: { ipMasq: true, ipMasqBackend: "nftables" },
				bars: {},
			}),
		];
	} finally {
		deleteNamespace(container);
	}
}

/** The configuration of one suite: a bridge, a subnet and a dataDir of its own, so that neither meets the other's. */
export function bridgeConfig(bench: Bench, { suite, extra = {} }: { suite: Suite; extra?: object }) {
	const name = `${suite}${Object.keys(extra).length}`;
	const second = suite === "ours" ? 60 : 70;
	return {
		cniVersion: "1.0.0",
		name,
		type: "bridge",
		bridge: `br-${name}`,
		isGateway: true,
		...extra,
		ipam: {
			type: "host-local",
			dataDir: join(bench.directory, "networks"),
			ranges: [[{ subnet: `10.${second + Object.keys(extra).length}.0.0/16` }]],
			routes: [{ dst: "0.0.0.0/0" }],
		},
	};
}

interface Setup {
	readonly title: string;
	readonly extra: object;
	readonly bars: { readonly ADD?: number; readonly DEL?: number };
}

function figures(bench: Bench, container: Namespace, { title, extra, bars }: Setup): Figure[] {
	const runs = bench.quick ? 10 : 100;
	const costs = { ours: { ADD: [], DEL: [] }, stock: { ADD: [], DEL: [] } } as Record<
		Suite,
		Record<"ADD" | "DEL", Cost[]>
	>;
	const memory = { ours: { ADD: [], DEL: [] }, stock: { ADD: [], DEL: [] } } as Record<
		Suite,
		Record<"ADD" | "DEL", number[]>
	>;
	const calls = (suite: Suite): Record<"ADD" | "DEL", Call> => {
		const common = {
			bin: bench[suite],
			type: "bridge",
			config: bridgeConfig(bench, { suite, extra }),
			netns: container.path,
			containerId: `bench-${suite}`,
		};
		return { ADD: { ...common, command: "ADD" }, DEL: { ...common, command: "DEL" } };
	};
	// The first calls make bridge and tables and warm the page cache; they are not counted.
	for (let run = -2; run < runs; run++) {
		for (const suite of inTurn(run)) {
			const { ADD, DEL } = calls(suite);
			const add = timed(ADD);
			const del = timed(DEL);
			if (run < 0) continue;
			costs[suite].ADD.push(add);
			costs[suite].DEL.push(del);
		}
	}
	for (let run = 0; run < (bench.quick ? 2 : 5); run++) {
		for (const suite of inTurn(run)) {
			const { ADD, DEL } = calls(suite);
			memory[suite].ADD.push(peakMegabytes(ADD));
			memory[suite].DEL.push(peakMegabytes(DEL));
		}
	}
	return (["ADD", "DEL"] as const).flatMap((verb) => {
		const series = (key: keyof Cost) => ({
			ours: costs.ours[verb].map((cost) => cost[key]),
			stock: costs.stock[verb].map((cost) => cost[key]),
			unit: "ms" as const,
		});
		const bar = bars[verb];
		return [
			compare(`${title}: ${verb}`, { ...series("wallMs"), ...(bar === undefined ? {} : { bar }) }),
			compare(`${title}: ${verb}, user + system time`, series("cpuMs")),
			compare(`${title}: ${verb}, peak memory`, { ours: memory.ours[verb], stock: memory.stock[verb], unit: "MB" }),
		];
	});
}

/** Each suite goes first in every other run, so that neither always finds what the other left behind. */
export function inTurn(run: number): readonly Suite[] {
	return run % 2 === 0 ? ["ours", "stock"] : ["stock", "ours"];
}
