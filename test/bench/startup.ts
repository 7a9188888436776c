import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../support/paths.ts";
import { timed } from "./call.ts";
import { type Bench, type Figure, median, verdictOf } from "./figure.ts";

const limitMs = 2;

/** What our own code adds to the start of a process: a plugin beside an executable compiled from an empty file. */
export function startupFigures(bench: Bench): Figure[] {
	compileEmpty(bench);
	const config = { cniVersion: "1.0.0", name: "startup", type: "bridge" };
	const calls = {
		bare: { bin: bench.directory, type: "bare", command: "VERSION", config },
		VERSION: { bin: bench.ours, type: "bridge", command: "VERSION", config },
		STATUS: { bin: bench.ours, type: "bridge", command: "STATUS", config: { ...config, cniVersion: "1.1.0" } },
		stock: { bin: bench.stock, type: "bridge", command: "VERSION", config },
	};
	const walls = { bare: [], VERSION: [], STATUS: [], stock: [] } as Record<keyof typeof calls, number[]>;
	for (let run = -2; run < (bench.quick ? 10 : 100); run++) {
		for (const [name, call] of Object.entries(calls) as [keyof typeof calls, (typeof calls)["bare"]][]) {
			const { wallMs } = timed(call);
			if (run >= 0) walls[name].push(wallMs);
		}
	}
	const added = (name: "VERSION" | "STATUS") =>
		median(walls[name].map((wall, index) => wall - (walls.bare[index] ?? Number.NaN)));
	const milliseconds = (value: number) => `${value.toFixed(2)} ms`;
	const line = (what: string, value: number, bar: number | undefined): Figure => ({
		what,
		ours: milliseconds(value),
		stock: "",
		ratio: "",
		bar: bar === undefined ? "" : `≤ ${bar} ms`,
		verdict: verdictOf(value, bar),
	});
	return [
		{ ...line("start: `bridge` VERSION", median(walls.VERSION), undefined), stock: milliseconds(median(walls.stock)) },
		line(`start: an empty file, compiled alike`, median(walls.bare), undefined),
		line("start: added by our code, VERSION", added("VERSION"), limitMs),
		line("start: added by our code, STATUS (`bridge` loaded)", added("STATUS"), limitMs),
	];
}

/** Makes `bare` as bin/build makes the plugins. */
function compileEmpty({ directory }: Bench): void {
	const source = join(directory, "bare.ts");
	writeFileSync(source, "export async function main() {}\n");
	const { exitCode, stderr } = Bun.spawnSync(["bin/link", source, join(directory, "bare")], { cwd: root });
	if (exitCode !== 0) throw new Error(`Cannot compile an empty file: ${stderr}`);
}
