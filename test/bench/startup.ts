import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { plugins } from "../../plugins/registry.ts";
import { root } from "../support/paths.ts";
import { type Call, timed } from "./call.ts";
import { type Bench, type Figure, median, verdictOf } from "./figure.ts";

const limitMs = 2;

/** What our own code adds to the start of a process: each plugin beside an executable compiled from an empty file. */
export function startupFigures(bench: Bench): Figure[] {
	compileEmpty(bench);
	const config = { cniVersion: "1.0.0", name: "startup", type: "bridge" };
	const bare = { bin: bench.directory, type: "bare", command: "VERSION", config };
	const start = (type: string): Call => ({ bin: bench.ours, type, command: "VERSION", config });
	const status = { ...start("bridge"), command: "STATUS", config: { ...config, cniVersion: "1.1.0" } };
	const stock = { ...start("bridge"), bin: bench.stock };
	const walls = measure(bench, {
		bare,
		stock,
		STATUS: status,
		...Object.fromEntries(types.map((type) => [type, start(type)])),
	});
	const added = (name: string) =>
		median(of(walls, name).map((wall, index) => wall - (of(walls, "bare")[index] ?? Number.NaN)));
	const slowest = types.toSorted((one, other) => added(other) - added(one))[0] ?? "";
	return [
		{
			...line("start: `bridge` VERSION", median(of(walls, "bridge"))),
			stock: milliseconds(median(of(walls, "stock"))),
		},
		line(`start: an empty file, compiled alike`, median(of(walls, "bare"))),
		line("start: added by our code, VERSION of `bridge`", added("bridge"), limitMs),
		line("start: added by our code, STATUS of `bridge`", added("STATUS"), limitMs),
		line(
			`start: added by our code, VERSION of the slowest of ${types.length} plugins, \`${slowest}\``,
			added(slowest),
			limitMs,
		),
	];
}

const { types } = plugins;

/** Milliseconds of each call, all calls in turn. */
function measure(bench: Bench, calls: Readonly<Record<string, Call>>): ReadonlyMap<string, number[]> {
	const walls = new Map<string, number[]>(Object.keys(calls).map((name) => [name, []]));
	for (let run = -2; run < (bench.quick ? 10 : 100); run++) {
		for (const [name, call] of Object.entries(calls)) {
			const { wallMs } = timed(call);
			if (run >= 0) walls.get(name)?.push(wallMs);
		}
	}
	return walls;
}

function of(walls: ReadonlyMap<string, number[]>, name: string): readonly number[] {
	return walls.get(name) ?? [];
}

function milliseconds(value: number): string {
	return `${value.toFixed(2)} ms`;
}

function line(what: string, value: number, bar?: number): Figure {
	return {
		what,
		ours: milliseconds(value),
		stock: "",
		ratio: "",
		bar: bar === undefined ? "" : `≤ ${bar} ms`,
		verdict: verdictOf(value, bar),
	};
}

/** Makes `bare` as bin/build makes the plugins. */
function compileEmpty({ directory }: Bench): void {
	const source = join(directory, "bare.ts");
	writeFileSync(source, "export async function main() {}\n");
	const { exitCode, stderr } = Bun.spawnSync(["bin/link", source, join(directory, "bare")], { cwd: root });
	if (exitCode !== 0) throw new Error(`Cannot compile an empty file: ${stderr}`);
}
