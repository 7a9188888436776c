import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { startEtcd } from "../support/etcd.ts";
import { exampleDirectory, runWithOwnState } from "../support/example.ts";
import { attempt } from "../support/namespace.ts";
import { distribution } from "../support/paths.ts";
import { ping } from "../support/traffic.ts";
import { createWorld } from "../support/world.ts";

const directory = join(exampleDirectory, "cluster");
const cnictl = join(distribution, "cnictl");

describe("conf-examples/cluster", () => {
	test.each(readdirSync(directory))("%s has nothing that cnictl validate finds fault with", (file) => {
		const outcome = attempt([cnictl, "validate", join(directory, file)]);
		expect(outcome).toMatchObject({ exitCode: 0, stdout: expect.not.stringMatching(/warning|error/), stderr: "" });
	});

	test("10-cluster.conflist works as it stands", async () => {
		using world = createWorld();
		await using etcd = await startEtcd(world.host);
		const container = world.container();
		const run = (verb: string) =>
			runWithOwnState(world, [cnictl, verb, "cluster", container.path], {
				CNI_PATH: distribution,
				NETCONFPATH: directory,
			});
		for (const verb of ["status", "add", "check"])
			expect([verb, run(verb)]).toMatchObject([verb, { exitCode: 0, stderr: "" }]);
		for (const gateway of ["10.80.0.1", "fd00:10:80::1"]) expect(ping(container, gateway)).toBe(true);
		for (const verb of ["del", "del"]) expect([verb, run(verb)]).toMatchObject([verb, { exitCode: 0, stderr: "" }]);
		expect(etcd.url).toBe("http://127.0.0.1:2379");
	});
});
