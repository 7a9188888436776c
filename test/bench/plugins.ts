import { mkdirSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { attemptIn, createNamespace, deleteNamespace, enter, type Namespace, runIn } from "../support/namespace.ts";
import { root, systemPath } from "../support/paths.ts";
import { inTurn } from "./attachment.ts";
import { type Bench, compare, type Figure, type Suite } from "./figure.ts";
import { createMeasuringHost, type MeasuringHost } from "./measuring-host.ts";
import { type PluginScenario, pluginConfig, pluginScenarios, stateOf } from "./plugin-scenarios.ts";

const mostOverStock = 1;
const verbs = ["ADD", "DEL"] as const;
const pauseMs = 30;

/**
 * ADD and DEL of each plugin beside the stock one, on hosts of their own; on the kernel of User-Mode Linux where this
 * one lacks a kind of link.
 */
export async function pluginFigures(bench: Bench): Promise<Figure[]> {
	const figures: Figure[] = [];
	const lacking: string[] = [];
	for (const scenario of pluginScenarios) {
		const measured = await measure(bench, scenario);
		if (measured === undefined) lacking.push(scenario.title);
		else figures.push(...measured);
	}
	return lacking.length === 0 ? figures : [...figures, ...inUserModeLinux(bench, lacking)];
}

/** Of that kernel's times only the ratio says something. */
function inUserModeLinux(bench: Bench, titles: readonly string[]): readonly Figure[] {
	const out = join(bench.directory, "uml");
	const there = JSON.stringify({ ...bench, titles });
	const command = [join(root, "test/uml/run"), out, process.execPath, import.meta.filename, there];
	if (Bun.spawnSync(command, { stderr: "inherit" }).exitCode !== 0) {
		throw new Error(`Cannot measure in User-Mode Linux: ${readFileSync(join(out, "output"), "utf8")}`);
	}
	const figures = JSON.parse(readFileSync(join(out, "output"), "utf8")) as readonly Figure[];
	return figures.map((figure) => ({ ...figure, what: `${figure.what} (User-Mode Linux)`, ours: "", stock: "" }));
}

async function measureThere(argument: string): Promise<void> {
	const { titles, ...bench } = JSON.parse(argument) as Bench & { readonly titles: readonly string[] };
	const directory = mkdtempSync(join(tmpdir(), "bench-"));
	const figures: Figure[] = [];
	for (const scenario of pluginScenarios.filter(({ title }) => titles.includes(title))) {
		const measured = await measure({ ...bench, directory }, scenario);
		if (measured === undefined) throw new Error(`no link "${scenario.needs}" there either`);
		figures.push(...measured);
	}
	console.log(JSON.stringify(figures));
}

/** What one suite is measured on. */
interface Place {
	readonly host: MeasuringHost;
	readonly container: Namespace;
}

/** Undefined where the kernel lacks what it needs. */
async function measure(bench: Bench, scenario: PluginScenario): Promise<readonly Figure[] | undefined> {
	await using ours = createPlace("ours");
	await using stock = createPlace("stock");
	const places = { ours, stock };
	const walls = {
		ours: { ADD: [] as number[], DEL: [] as number[] },
		stock: { ADD: [] as number[], DEL: [] as number[] },
	};
	for (const place of Object.values(places)) runScript(place, scenario.prepare);
	if (scenario.needs !== undefined && !hasKind(ours, scenario.needs)) return undefined;
	using _ours = await serve(bench, { scenario, suite: "ours", place: ours });
	using _stock = await serve(bench, { scenario, suite: "stock", place: stock });
	// The first calls warm the page cache and make what stays; they are not counted.
	for (let run = -2; run < (bench.quick ? 5 : 50); run++) {
		for (const suite of inTurn(run)) {
			runScript(places[suite], scenario.restore);
			for (const verb of verbs) {
				// The kernel frees what was deleted some time later, and makes others wait for it: a slow call would find it done.
				Bun.sleepSync(pauseMs);
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

const settleMs = 500;

/** Starts what runs beside the plugin, and gives it time to begin. */
async function serve(
	bench: Bench,
	{ scenario: { servers = [] }, suite, place }: Omit<OneCall, "command">,
): Promise<Disposable> {
	const env = { PATH: systemPath, BIN: bench[suite], STATE: stateOf(bench, suite) };
	mkdirSync(env.STATE, { recursive: true });
	const processes = servers.map((server) =>
		Bun.spawn(enter(place.host.namespace, ["sh", "-c", `exec ${server}`]), {
			env,
			stdio: ["ignore", "ignore", "ignore"],
		}),
	);
	if (processes.length > 0) await Bun.sleep(settleMs);
	return {
		[Symbol.dispose]() {
			for (const child of processes) child.kill();
		},
	};
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

if (import.meta.main) await measureThere(process.argv[2] ?? "");
