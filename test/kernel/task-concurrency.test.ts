import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { attemptInAsync } from "../support/namespace.ts";
import { distribution } from "../support/paths.ts";
import { createWorld, type World } from "../support/world.ts";
import { type Agent, bridgeFile, createAgent } from "./agent.ts";

let world: World;
let agent: Agent;

beforeEach(() => {
	world = createWorld();
	agent = createAgent(world);
	agent.network(bridgeFile(world));
});
afterEach(() => {
	agent[Symbol.dispose]();
	world.dispose();
});

const minutes = 60_000;

test(
	"100 tasks started at once and killed at once: no failure, and nothing left",
	async () => {
		const ids = Array.from({ length: 100 }, (_, index) => `task-${index}`);
		const tasks = await Promise.all(
			ids.map((containerId) => agent.start({ networks: ["net1"], containerId, command: ["sleep", "1000"] })),
		);
		expect(new Set(tasks.map(({ address }) => address)).size).toBe(ids.length);
		expect(agent.list().map(({ state }) => state)).toEqual(ids.map(() => "running"));
		expect(agent.cnictl("kill", ...ids)).toMatchObject({ exitCode: 0, stdout: "", stderr: "" });
		const outcomes = await Promise.all(tasks.map(({ ended }) => ended));
		expect(new Set(outcomes.map(({ states }) => states.at(-1)))).toEqual(new Set(["TASK_KILLED"]));
		expect(outcomes.map(({ stderr }) => stderr).filter((text) => text !== "")).toEqual([]);
		expect(agent.left()).toEqual([]);
	},
	3 * minutes,
);

test("recover, while others start and end, takes only what nobody looks after", async () => {
	const orphan = await agent.start({ networks: ["net1"], containerId: "orphan", command: ["sleep", "1000"] });
	await orphan.kill();
	const living = Array.from({ length: 10 }, (_, index) =>
		agent.runAsync({ networks: ["net1"], containerId: `living-${index}`, command: ["sleep", "0.3"] }),
	);
	let over = false;
	const ended = Promise.all(living).finally(() => {
		over = true;
	});
	const recovered: string[] = [];
	while (!over) {
		const { exitCode, stdout, stderr } = agent.cnictl("recover");
		expect([exitCode, stderr]).toEqual([0, ""]);
		recovered.push(...stdout.split("\n").filter((line) => line !== ""));
		await new Promise(setImmediate);
	}
	expect((await ended).map(({ states }) => states.at(-1))).toEqual(living.map(() => "TASK_FINISHED"));
	expect(recovered).toEqual(["orphan"]);
	expect(agent.left()).toEqual([]);
});

test("two recoveries at once do the work once", async () => {
	const orphan = await agent.start({ networks: ["net1"], containerId: "orphan", command: ["sleep", "1000"] });
	await orphan.kill();
	const recover = [`${distribution}/cnictl`, "task", "recover", "--runtime-dir", agent.runtimeDirectory];
	const outcomes = await Promise.all([attemptInAsync(world.host, recover), attemptInAsync(world.host, recover)]);
	expect(outcomes.map(({ exitCode, stderr }) => [exitCode, stderr])).toEqual([
		[0, ""],
		[0, ""],
	]);
	expect(outcomes.map(({ stdout }) => stdout).join("")).toBe("orphan\n");
	expect(agent.left()).toEqual([]);
});
