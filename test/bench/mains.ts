import { attemptIn, createNamespace, deleteNamespace, type Namespace, runIn } from "../support/namespace.ts";
import { inTurn } from "./attachment.ts";
import { type Bench, compare, type Figure, type Suite } from "./figure.ts";
import { type MainScenario, mainConfig, mainScenarios } from "./main-scenarios.ts";
import { createMeasuringHost } from "./measuring-host.ts";

/** ADD and DEL of each main plugin beside the stock one, on hosts of their own. */
export async function mainFigures(bench: Bench): Promise<Figure[]> {
	const figures: Figure[] = [];
	for (const scenario of mainScenarios) figures.push(...(await measure(bench, scenario)));
	return figures;
}

async function measure(bench: Bench, scenario: MainScenario): Promise<Figure[]> {
	const { title, type, prepare = "true", needs, bars = {} } = scenario;
	const container = createNamespace(`cst-${process.pid}-main`);
	try {
		if (needs !== undefined && !hasKind(container, needs)) return [leftOut(title, needs)];
		await using ours = createMeasuringHost(`cst-${process.pid}-ours`);
		await using stock = createMeasuringHost(`cst-${process.pid}-stock`);
		const hosts = { ours, stock };
		const walls = {
			ours: { ADD: [] as number[], DEL: [] as number[] },
			stock: { ADD: [] as number[], DEL: [] as number[] },
		};
		for (const { namespace } of Object.values(hosts)) runIn(namespace, ["sh", "-ec", prepare]);
		const call = async (suite: Suite, command: "ADD" | "DEL") => {
			const config = mainConfig(bench, { scenario, suite });
			const common = { bin: bench[suite], type, config, netns: container.path, containerId: `bench-${suite}` };
			return (await hosts[suite].timed({ ...common, command })).wallMs;
		};
		// The first calls warm the page cache and make what stays; they are not counted.
		for (let run = -2; run < (bench.quick ? 5 : 50); run++) {
			for (const suite of inTurn(run)) {
				for (const command of ["ADD", "DEL"] as const) {
					const wallMs = await call(suite, command);
					if (run >= 0) walls[suite][command].push(wallMs);
				}
			}
		}
		return (["ADD", "DEL"] as const).map((verb) => {
			const bar = bars[verb];
			const series = { ours: walls.ours[verb], stock: walls.stock[verb], unit: "ms" as const };
			return compare(`${title}: ${verb}`, { ...series, ...(bar === undefined ? {} : { bar }) });
		});
	} finally {
		deleteNamespace(container);
	}
}

function hasKind(namespace: Namespace, kind: string): boolean {
	if (attemptIn(namespace, ["ip", "link", "add", "probe", "type", kind]).exitCode !== 0) return false;
	runIn(namespace, ["ip", "link", "del", "probe"]);
	return true;
}

function leftOut(title: string, kind: string): Figure {
	return {
		what: `${title}: left out, as this kernel has no ${kind}`,
		ours: "",
		stock: "",
		ratio: "",
		bar: "",
		verdict: "",
	};
}
