import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inTurn } from "./attachment.ts";
import { type Call, type Cost, timed } from "./call.ts";
import { type Bench, compare, type Figure, median, type Suite, verdictOf } from "./figure.ts";

const counts = [0, 1_000, 10_000, 60_000] as const;
const limit = 1.3;

/** host-local alone, in directories that the reference would have filled: does an ADD cost more where many are taken? */
export function allocationFigures(bench: Bench): Figure[] {
	const medians: Record<Suite, number[]> = { ours: [], stock: [] };
	const figures = counts.flatMap((taken) => {
		const runs = taken >= 10_000 ? (bench.quick ? 2 : 12) : bench.quick ? 5 : 40;
		const costs: Record<Suite, { ADD: Cost[]; DEL: Cost[] }> = {
			ours: { ADD: [], DEL: [] },
			stock: { ADD: [], DEL: [] },
		};
		const fill = { ours: filled(bench, { suite: "ours", taken }), stock: filled(bench, { suite: "stock", taken }) };
		for (let run = -1; run < runs; run++) {
			for (const suite of inTurn(run)) {
				const add = timed({ ...fill[suite], command: "ADD" });
				const del = timed({ ...fill[suite], command: "DEL" });
				if (run < 0) continue;
				costs[suite].ADD.push(add);
				costs[suite].DEL.push(del);
			}
		}
		const wall = (verb: "ADD" | "DEL") => ({
			ours: costs.ours[verb].map(({ wallMs }) => wallMs),
			stock: costs.stock[verb].map(({ wallMs }) => wallMs),
			unit: "ms" as const,
		});
		medians.ours.push(median(wall("ADD").ours));
		medians.stock.push(median(wall("ADD").stock));
		const title = `host-local with ${taken.toLocaleString("en")} taken`;
		return [compare(`${title}: ADD`, wall("ADD")), compare(`${title}: DEL`, wall("DEL"))];
	});
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
