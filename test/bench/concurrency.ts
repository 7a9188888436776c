import { createNamespace, deleteNamespace } from "../support/namespace.ts";
import { bridgeConfig, inTurn } from "./attachment.ts";
import { type Call, started } from "./call.ts";
import { type Bench, compare, type Figure, type Suite } from "./figure.ts";

/** Many containers start at once on one network, as after a reboot: the time until the last has its address. */
export async function concurrencyFigures(bench: Bench): Promise<Figure[]> {
	const count = 50;
	const rounds = bench.quick ? 2 : 10;
	const containers = Array.from({ length: count }, (_, n) => createNamespace(`cst-${process.pid}-many${n}`));
	try {
		const walls: Record<Suite, Record<"ADD" | "DEL", number[]>> = {
			ours: { ADD: [], DEL: [] },
			stock: { ADD: [], DEL: [] },
		};
		for (let round = -1; round < rounds; round++) {
			for (const suite of inTurn(round)) {
				for (const command of ["ADD", "DEL"] as const) {
					const config = bridgeConfig(bench, { suite });
					const calls = containers.map(({ path, name }): Call => {
						return { bin: bench[suite], type: "bridge", command, config, netns: path, containerId: name };
					});
					const start = Bun.nanoseconds();
					await Promise.all(calls.map(started));
					if (round >= 0) walls[suite][command].push((Bun.nanoseconds() - start) / 1e6);
				}
			}
		}
		const series = (verb: "ADD" | "DEL") => ({ ours: walls.ours[verb], stock: walls.stock[verb], unit: "ms" as const });
		return [
			compare(`${count} ADDs at once, until the last`, { ...series("ADD"), bar: 0.9 }),
			compare(`${count} DELs at once, until the last`, series("DEL")),
		];
	} finally {
		for (const container of containers) deleteNamespace(container);
	}
}
