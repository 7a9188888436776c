import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inTurn } from "./attachment.ts";
import { type Call, timed } from "./call.ts";
import { type Bench, compare, type Figure, median, type Suite, verdictOf } from "./figure.ts";

const counts = [0, 1_000, 10_000, 60_000] as const;
const limit = 1.3;
const verbs = ["ADD", "DEL"] as const;

/** host-local alone, in directories that the reference would have filled: does an ADD cost more where many are taken? */
export function allocationFigures(bench: Bench): Figure[] {
	const places = counts.map((taken) => ({
		taken,
		calls: inBoth((suite) => filled(bench, { suite, taken })),
		walls: inBoth(() => ({ ADD: [] as number[], DEL: [] as number[] })),
	}));
	for (let round = 0; round < (bench.quick ? 1 : 6); round++) {
		for (const suite of inTurn(round)) {
			for (const { taken, calls, walls } of places) {
				// The first is not counted: the other suite may have read through thousands of files just before.
				for (let run = -1; run < (bench.quick || taken >= 10_000 ? 2 : 7); run++) {
					for (const verb of verbs) {
						const { wallMs } = timed({ ...calls[suite], command: verb });
						if (run >= 0) walls[suite][verb].push(wallMs);
					}
				}
			}
		}
	}
	const figures = places.flatMap(({ taken, walls }) =>
		verbs.map((verb) => {
			const what = `host-local with ${taken.toLocaleString("en")} taken: ${verb}`;
			return compare(what, { ours: walls.ours[verb], stock: walls.stock[verb], unit: "ms" });
		}),
	);
	const medians = inBoth((suite) => places.map(({ walls }) => median(walls[suite].ADD)));
	const growth = ([first = Number.NaN, ...rest]: readonly number[]) => Math.max(...rest) / first;
	const flatness = { ours: growth(medians.ours), stock: growth(medians.stock) };
	return [
		...figures,
		{
			what: "host-local ADD: slowest of 1,000 to 60,000 taken over none taken",
			ours: `${flatness.ours.toFixed(2)} ×`,
			stock: `${flatness.stock.toFixed(2)} ×`,
			ratio: "",
			bar: `≤ ${limit} ×`,
			verdict: verdictOf(flatness.ours, limit),
		},
	];
}

function inBoth<T>(make: (suite: Suite) => T): Record<Suite, T> {
	return { ours: make("ours"), stock: make("stock") };
}

/** Fills a directory as the reference leaves it (reservations and cursor) and returns the call on it, but the verb. */
function filled(bench: Bench, { suite, taken }: { suite: Suite; taken: number }): Omit<Call, "command"> {
	const name = `${suite}-${taken}`;
	const dataDir = join(bench.directory, "allocation");
	const directory = join(dataDir, name);
	mkdirSync(directory, { recursive: true });
	const address = (n: number) => `10.9.${n >> 8}.${n & 255}`;
	for (let n = 2; n < taken + 2; n++) writeFileSync(join(directory, address(n)), `taken-${n}\r\neth0`, { mode: 0o600 });
	if (taken > 0) writeFileSync(join(directory, "last_reserved_ip.0"), address(taken + 1), { mode: 0o600 });
	return {
		bin: bench[suite],
		type: "host-local",
		netns: "/run/netns/none",
		containerId: "bench",
		config: { cniVersion: "1.0.0", name, ipam: { type: "host-local", dataDir, ranges: [[{ subnet: "10.9.0.0/16" }]] } },
	};
}
