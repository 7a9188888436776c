import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { systemPath } from "../support/paths.ts";
import type { Bench, Figure } from "./figure.ts";

const count = 100;

/** Many tasks of Mesos start at once and are killed at once: all of it, from the runner's start to the last file. */
export async function taskFigures(bench: Bench): Promise<Figure[]> {
	const configDirectory = join(bench.directory, "mesos-cni");
	const dataDir = join(bench.directory, "task-networks");
	const runtimeDirectory = join(bench.directory, "mesos");
	const statuses = join(bench.directory, "statuses");
	for (const directory of [configDirectory, statuses]) mkdirSync(directory);
	const ipam = { type: "host-local", dataDir, subnet: "10.99.0.0/16" };
	const network = { name: "tasks", type: "bridge", bridge: "tasks0", isDefaultGateway: true, ipam };
	writeFileSync(join(configDirectory, "tasks.json"), JSON.stringify(network));

	const task = (verb: string, ...args: readonly string[]) =>
		Bun.spawn([join(bench.ours, "cnictl"), "task", verb, "--runtime-dir", runtimeDirectory, ...args], {
			env: { PATH: systemPath, NETCONFPATH: configDirectory, CNI_PATH: bench.ours },
			stdio: ["ignore", "ignore", "inherit"],
		});
	const statusFile = (id: string) => join(statuses, id);
	const has = (id: string, state: string) =>
		existsSync(statusFile(id)) && readFileSync(statusFile(id), "utf8").includes(`"state":"${state}"`);

	const ids = Array.from({ length: count }, (_, index) => `task-${index}`);
	const start = Bun.nanoseconds();
	const runners = ids.map((id) => {
		const options = ["--network", "tasks", "--container-id", id, "--status", statusFile(id)];
		return task("run", ...options, "--", "sleep", "1000");
	});
	const ended = Promise.all(runners.map(({ exited }) => exited));
	for (const id of ids) {
		while (!has(id, "TASK_RUNNING") && !has(id, "TASK_FAILED")) await sleep(10);
	}
	const running = Bun.nanoseconds();
	await task("kill", ...ids).exited;
	await ended;
	const gone = Bun.nanoseconds();

	const failed = ids.filter((id) => !has(id, "TASK_KILLED")).length;
	const left = [
		...filesIn(join(runtimeDirectory, "tasks")),
		...filesIn(join(runtimeDirectory, "isolators/network/cni")),
	];
	const addresses = filesIn(join(dataDir, "tasks")).filter((name) => /^\d+\./.test(name));
	const wrong = failed + left.length + addresses.length;
	return [
		figure(`${count} tasks started at once, until the last runs`, milliseconds(start, running)),
		figure(`${count} tasks killed at once, until nothing is left`, milliseconds(running, gone)),
		{ ...figure("of these, failed or left", String(wrong)), bar: "0", verdict: wrong === 0 ? "met" : "missed" },
	];
}

function figure(what: string, ours: string): Figure {
	return { what, ours, stock: "", ratio: "", bar: "", verdict: "" };
}

function milliseconds(from: number, to: number): string {
	return `${((to - from) / 1e6).toFixed(0)} ms`;
}

function filesIn(directory: string): string[] {
	return existsSync(directory) ? readdirSync(directory) : [];
}
