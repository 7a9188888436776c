import { attemptIn, createNamespace, deleteNamespace, type Namespace, runIn } from "../support/namespace.ts";
import { inTurn } from "./attachment.ts";
import { type Bench, compare, type Figure, type Suite } from "./figure.ts";
import { createMeasuringHost, type MeasuringHost } from "./measuring-host.ts";
import { type PluginScenario, pluginConfig, pluginScenarios } from "./plugin-scenarios.ts";

const mostOverStock = 1;
const verbs = ["ADD", "DEL"] as const;

/** ADD and DEL of each plugin beside the stock one, on hosts of their own. */
export async function pluginFigures(bench: Bench): Promise<Figure[]> {
	const figures: Figure[] = [];
	for (const scenario of pluginScenarios) figures.push(...(await measure(bench, scenario)));
	return figures;
}

/** What one suite is measured on. */
interface Place {
	readonly host: MeasuringHost;
	readonly container: Namespace;
}

async function measure(bench: Bench, scenario: PluginScenario): Promise<Figure[]> {
	await using ours = createPlace("ours");
	await using stock = createPlace("stock");
	const places = { ours, stock };
	const walls = {
		ours: { ADD: [] as number[], DEL: [] as number[] },
		stock: { ADD: [] as number[], DEL: [] as number[] },
	};
	for (const place of Object.values(places)) runScript(place, scenario.prepare);
	if (scenario.needs !== undefined && !hasKind(ours, scenario.needs)) return [leftOut(scenario)];
	// The first calls warm the page cache and make what stays; they are not counted.
	for (let run = -2; run < (bench.quick ? 5 : 50); run++) {
		for (const suite of inTurn(run)) {
			runScript(places[suite], scenario.restore);
			for (const verb of verbs) {
				const wallMs = await call(bench, { scenario, suite, command: verb, place: places[suite] });
				if (run >= 0) walls[suite][verb].push(wallMs);
			}
		}
	}
	return verbs.map((verb) =>
		compare(`${scenario.title}: ${verb}`, {
			ours: walls.ours[verb],
			stock: walls.stock[verb],
			unit: "ms",
			bar: mostOverStock,
		}),
	);
}

function createPlace(suite: Suite): Place & AsyncDisposable {
	const container = createNamespace(`cst-${process.pid}-${suite}-c`);
	const host = createMeasuringHost(`cst-${process.pid}-${suite}`);
	return {
		host,
		container,
		async [Symbol.asyncDispose]() {
			await host[Symbol.asyncDispose]();
			deleteNamespace(container);
		},
	};
}

interface OneCall {
	readonly scenario: PluginScenario;
	readonly suite: Suite;
	readonly command: string;
	readonly place: Place;
}

async function call(bench: Bench, { scenario, suite, command, place }: OneCall): Promise<number> {
	const { host, container } = place;
	const config = pluginConfig(bench, { scenario, suite, container });
	const common = { bin: bench[suite], type: scenario.type, config, netns: container.path };
	return (await host.timed({ ...common, containerId: `bench-${suite}`, command })).wallMs;
}

function runScript({ host, container }: Place, script: string | undefined): void {
	if (script !== undefined) runIn(host.namespace, ["env", `CONTAINER=${container.name}`, "sh", "-ec", script]);
}

function hasKind({ host }: Place, words: string): boolean {
	const probe = ["ip", "link", "add", "name", "probe", ...words.split(" ")];
	if (attemptIn(host.namespace, probe).exitCode !== 0) return false;
	runIn(host.namespace, ["ip", "link", "del", "probe"]);
	return true;
}

function leftOut({ title, type }: PluginScenario): Figure {
	const what = `${title}: left out, as this kernel has no ${type}`;
	return { what, ours: "", stock: "", ratio: "", bar: "", verdict: "" };
}
