import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { groupsBase } from "../support/groups-base.ts";
import { attemptInAsync, runIn } from "../support/namespace.ts";
import { root } from "../support/paths.ts";
import { runPluginAsync } from "../support/run-plugin.ts";
import { ping } from "../support/traffic.ts";
import { createWorld, leftovers, type World } from "../support/world.ts";
import { kept } from "./bridge-network.ts";
import { groupsNetwork } from "./groups-network.ts";

let world: World;

beforeEach(() => {
	world = createWorld();
});
afterEach(() => {
	world.dispose();
});

/** Registers so many members that do not exist, each in one of the groups. */
function registerMany(members: number, groups: number): void {
	const driver = join(root, "test/fixtures/groups-driver.ts");
	runIn(world.host, [join(root, "node_modules/.bin/bun"), driver, JSON.stringify({ members, groups })]);
}

describe("groups", () => {
	it("with 1,000 members in 100 groups are as right as with two", () => {
		const network = groupsNetwork(world);
		const before = network.attach({ groups: ["group 7"] });
		registerMany(1000, 100);
		const [friend, stranger] = [
			network.attach({ groups: ["group 7", "other"] }),
			network.attach({ groups: ["group 8"] }),
		];
		expect(ping(before.container, friend.ip4)).toBe(true);
		expect(ping(friend.container, before.ip6)).toBe(true);
		expect(ping(before.container, stranger.ip4, { timeoutSeconds: 0.5 })).toBe(false);
		expect(before.run("CHECK").exitCode).toBe(0);
		for (const member of [before, friend, stranger]) member.detach();
		const gc = { name: "many", "cni.dev/valid-attachments": [] };
		expect(friend.run("GC", gc).exitCode).toBe(0);
		expect(leftovers(world, { except: [...kept, ...groupsBase] })).toEqual([]);
	}, 60_000);

	it("say how many there can be, and change nothing, when there are as many", () => {
		const network = groupsNetwork(world);
		const one = network.attach({ groups: ["a"] });
		const late = network.attach({ groups: ["a"], unregistered: true });
		const fill = Array.from({ length: 16_384 }, (_, index) => `"other${index}" : accept`).join(", ");
		const file = join(world.directory, "fill.nft");
		writeFileSync(file, `add element bridge cni_groups classes { ${fill.slice(0, fill.lastIndexOf(","))} }\n`);
		runIn(world.host, ["nft", "-f", file]);
		const before = runIn(world.host, ["nft", "list", "set", "bridge", "cni_groups", "ports"]);
		expect(late.run("ADD").error).toMatchObject({
			code: 999,
			msg: expect.stringContaining("a set of it has as many elements as it can hold"),
			details: expect.stringMatching(/^16,384 interfaces of a host can be in groups\./),
		});
		expect(runIn(world.host, ["nft", "list", "set", "bridge", "cni_groups", "ports"])).toBe(before);
		for (const member of [one, late]) member.detach();
	});

	it("lose no packet of members while others come and go", async () => {
		const network = groupsNetwork(world);
		const [a, b] = [network.attach({ groups: ["a"] }), network.attach({ groups: ["a"] })];
		const visitor = network.attach({ groups: ["a", "b"], unregistered: true });
		expect(ping(a.container, b.ip4)).toBe(true);
		const pinging = attemptInAsync(a.container, ["ping", "-n", "-q", "-i", "0.005", "-w", "8", b.ip4]);
		const until = Date.now() + 7500;
		let rounds = 0;
		while (Date.now() < until || rounds < 50) {
			expect(visitor.run("ADD").exitCode).toBe(0);
			expect(visitor.run("DEL").exitCode).toBe(0);
			rounds++;
		}
		const { stdout } = await pinging;
		const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(stdout) ?? [];
		expect(received).toBe(sent);
		expect(rounds).toBeGreaterThanOrEqual(50);
	}, 60_000);

	it("come and go many at once", async () => {
		const network = groupsNetwork(world);
		const members = Array.from({ length: 12 }, (_, index) =>
			network.attach({ groups: [`g${index % 3}`, "all"], unregistered: true }),
		);
		for (const command of ["ADD", "CHECK", "DEL", "DEL"] as const) {
			const outcomes = await Promise.all(
				members.map((member, index) =>
					runPluginAsync({
						world,
						type: "groups",
						command,
						config: {
							cniVersion: "1.1.0",
							name: "n1",
							type: "groups",
							groups: [`g${index % 3}`, "all"],
							prevResult: member.result,
						},
						netns: member.container,
						containerId: member.containerId,
					}),
				),
			);
			expect(outcomes.map(({ exitCode, stdout }) => (exitCode === 0 ? "" : stdout))).toEqual(members.map(() => ""));
		}
		for (const member of members) member.detach();
		expect(leftovers(world, { except: [...kept, ...groupsBase] })).toEqual([]);
	}, 60_000);
});
