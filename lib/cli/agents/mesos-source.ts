import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { AgentSource, Sighting } from "../../cluster/agent-source.ts";
import type { MesosReport, Seen, WatchedMaster } from "../../mesos/operator/mesos-report.ts";
import type { AlarmClock } from "./alarm-clock.ts";

export interface MesosSourceOptions {
	/** The plugins' executable. */
	readonly executable: string;
	/** With the agents that were there before. */
	readonly master: WatchedMaster;
	/** Rung when something has come, and at the end of the service. */
	readonly bell: AlarmClock;
	readonly log: (line: string) => void;
}

/** Between the end of a program and the start of the next. */
const restartMs = 5000;

/** The agents of a Mesos master, watched by a program of its own: plugins/ipam/cluster/mesos-agents.ts. */
export function mesosSource({ executable, master, bell, log }: MesosSourceOptions): AgentSource {
	const told: Sighting[] = [];
	/** What a program that is started anew has to know. */
	const known = new Set(master.known);
	let isCurrent = false;
	let isOver = false;
	let restart: ReturnType<typeof setTimeout> | undefined;
	let stop: () => void = () => {};

	const start = () => {
		const child = spawn(executable, ["mesos-agents"], { argv0: "cluster", stdio: ["pipe", "pipe", "inherit"] });
		stop = () => child.kill();
		let trouble = "";
		child.on("error", ({ message }) => {
			trouble = message;
		});
		// It has ended before it read: its end tells.
		child.stdin.on("error", () => {});
		child.stdin.write(`${JSON.stringify({ ...master, known: [...known] } satisfies WatchedMaster)}\n`);
		createInterface({ input: child.stdout }).on("line", (line) => {
			const report = JSON.parse(line) as MesosReport;
			if ("log" in report) log(report.log);
			else hear(report);
		});
		child.on("close", (code, signal) => {
			isCurrent = false;
			if (isOver) return;
			restart = setTimeout(() => {
				// Not before: what ends the service, as a terminal or systemd does, may have ended the program first.
				log(
					`Cannot watch Mesos: "${executable}" has ended (${trouble || signal || `exit code ${code}`}). It is started again`,
				);
				start();
			}, restartMs);
		});
	};
	const hear = (report: Seen) => {
		isCurrent = report.isCurrent;
		for (const { agent, state } of report.sightings) if (state === "present") known.add(agent);
		told.push(...report.sightings);
		if (told.length > 0) bell.ring();
	};

	start();
	return {
		get isCurrent() {
			return isCurrent;
		},
		async watch(timeoutMs) {
			if (told.length === 0) await bell.wait(timeoutMs);
			return told.splice(0);
		},
		[Symbol.dispose]() {
			isOver = true;
			clearTimeout(restart);
			stop();
		},
	};
}
