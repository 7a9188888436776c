/**
 * The figures: our plugins beside the stock ones, in paired runs of real processes.
 *
 *     npm run bench [-- --quick] [-- --only NAME] [-- --ours DIR] [-- --stock DIR]
 *
 * Prints a Markdown table and the machine it was made on; exits 1 when a bar is missed. Runs under Bun, because it
 * starts children without copying this process (vfork) and tells what each one used (wait4); Node does neither.
 * Everything happens inside a namespace made for it: this file starts itself again in there.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { enter } from "../support/namespace.ts";
import { distribution, tools } from "../support/paths.ts";
import { createWorld, removeAbandonedWorlds } from "../support/world.ts";
import { agentsFigures } from "./agents.ts";
import { allocationFigures } from "./allocation.ts";
import { attachmentFigures } from "./attachment.ts";
import { chainFigures } from "./chain.ts";
import { clusterFigures } from "./cluster.ts";
import { clusterScaleFigures } from "./cluster-scale.ts";
import { concurrencyFigures } from "./concurrency.ts";
import { type Bench, type Figure, table } from "./figure.ts";
import { freshCopy } from "./fresh-copy.ts";
import { groupsFigures } from "./groups.ts";
import { isolateFigures } from "./isolate.ts";
import { machine } from "./machine.ts";
import { pluginFigures } from "./plugins.ts";
import { portFigures } from "./ports.ts";
import { startupFigures } from "./startup.ts";
import { taskFigures } from "./tasks.ts";

const { values } = parseArgs({
	options: {
		quick: { type: "boolean", default: false },
		only: { type: "string", default: "" },
		ours: { type: "string", default: distribution },
		stock: { type: "string", default: tools },
		inside: { type: "string" },
	},
});

process.exitCode = values.inside === undefined ? restartInside() : await measure(values.inside);

/** Makes the host namespace and the folder, and runs this file in there. */
function restartInside(): number {
	removeAbandonedWorlds();
	using world = createWorld();
	const again = [process.execPath, import.meta.filename, ...process.argv.slice(2), "--inside", world.directory];
	const { exitCode } = Bun.spawnSync(enter(world.host, again), { stdio: ["ignore", "inherit", "inherit"] });
	return exitCode;
}

async function measure(directory: string): Promise<number> {
	const bench: Bench = {
		directory,
		quick: values.quick,
		ours: freshCopy(values.ours, join(directory, "ours")),
		stock: freshCopy(values.stock, join(directory, "stock")),
	};
	const parts = {
		agents: agentsFigures,
		attachment: attachmentFigures,
		chain: chainFigures,
		cluster: clusterFigures,
		"cluster-scale": clusterScaleFigures,
		concurrency: concurrencyFigures,
		allocation: allocationFigures,
		groups: groupsFigures,
		isolate: isolateFigures,
		plugins: pluginFigures,
		ports: portFigures,
		startup: startupFigures,
		tasks: taskFigures,
	};
	const figures: Figure[] = [];
	for (const [name, part] of Object.entries(parts))
		if (name.startsWith(values.only)) figures.push(...(await part(bench)));
	console.log(`${table(figures)}\n\n${machine(values)}`);
	return figures.some(({ verdict }) => verdict === "missed") ? 1 : 0;
}
