import { expect, test } from "@jest/globals";
import { bridgeFile, createAgent } from "../kernel/agent.ts";
import { attempt } from "../support/namespace.ts";
import { createWorld } from "../support/world.ts";
import { killEverywhere } from "./kill-everywhere.ts";

const minutes = 60_000;

test(
	"the runner of a task killed anywhere: `task recover` leaves nothing",
	() => {
		using world = createWorld();
		using agent = createAgent(world);
		agent.network(bridgeFile(world, { ipMasq: true }));
		agent.run({ networks: ["net1"], command: ["true"] });
		// Unlike any other command on this machine.
		const seconds = `0.2${process.pid}`;
		const report = killEverywhere({
			call: {
				world,
				command: "task run",
				leavesOrphans: true,
				run: (wrapper) =>
					agent.run({ networks: ["net1"], containerId: "killed", command: ["sleep", seconds], wrapper }),
			},
			prepare() {},
			recover() {
				const { exitCode, stderr } = agent.cnictl("recover");
				if (exitCode !== 0) throw new Error(stderr);
			},
			verify: () => [...agent.left(), ...running(seconds)],
		});
		expect(report.wrong).toEqual([]);
		expect(report.killed).toBeGreaterThan(30);
	},
	10 * minutes,
);

function running(seconds: string): string[] {
	return attempt(["pgrep", "-f", `^sleep ${seconds}`])
		.stdout.split("\n")
		.filter((pid) => pid !== "");
}
