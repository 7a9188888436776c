import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "@jest/globals";
import { exampleDirectory } from "../support/example.ts";
import { attempt, enter } from "../support/namespace.ts";
import { distribution, root, systemPath } from "../support/paths.ts";
import { createWorld, keptByContract, leftovers, type World } from "../support/world.ts";

const networks = join(exampleDirectory, "mesos/networks");
const tasks = join(exampleDirectory, "mesos/tasks");

const v4 = (ip_address: string) => ({ protocol: "IPv4", ip_address });
const v6 = (ip_address: string) => ({ protocol: "IPv6", ip_address });

/** What the status of the task says of its networks, and what the container itself shows. */
const examples: Readonly<Record<string, { readonly networkInfos: object[]; readonly shows: readonly RegExp[] }>> = {
	"any-address.json": {
		networkInfos: [{ name: "any", ip_addresses: [v4("10.40.0.2")] }],
		shows: [/^eth0@\S+ +UP +10\.40\.0\.2\/16 /m],
	},
	"dual-stack.json": {
		networkInfos: [{ name: "dual", groups: ["dev", "test"], ip_addresses: [v4("10.41.0.2"), v6("fd00:10:41::2/64")] }],
		shows: [/^eth0@\S+ +UP +10\.41\.0\.2\/16 fd00:10:41::2\/64 /m],
	},
	"named-network.json": {
		networkInfos: [{ name: "network1", ip_addresses: [v4("10.43.0.2")] }],
		shows: [/^eth0@\S+ +UP +10\.43\.0\.2\/16 /m],
	},
	"static-address.json": {
		networkInfos: [{ name: "any", ip_addresses: [v4("10.40.2.3")] }],
		shows: [/^eth0@\S+ +UP +10\.40\.2\.3\/16 /m],
	},
	"two-interfaces.json": {
		networkInfos: [
			{ name: "any", groups: ["foo"], ip_addresses: [v4("10.40.0.2")] },
			{ name: "back", groups: ["bar"], ip_addresses: [v4("10.42.0.2")] },
		],
		shows: [/^eth0@\S+ +UP +10\.40\.0\.2\/16 /m, /^eth1@\S+ +UP +10\.42\.0\.2\/16 /m],
	},
};

it("every task has a test", () => {
	expect(readdirSync(tasks).sort()).toEqual(Object.keys(examples).sort());
});

it.each(readdirSync(networks))("cnictl validate finds no fault with %s", (file) => {
	const outcome = attempt([join(distribution, "cnictl"), "validate", join(networks, file)]);
	expect(outcome).toMatchObject({ exitCode: 0, stdout: expect.not.stringMatching(/warning|error/), stderr: "" });
});

it.each(Object.entries(examples))("%s runs as it stands, and leaves nothing", (file, { networkInfos, shows }) => {
	using world = createWorld();
	const { exitCode, stdout, stderr } = runExample(world, file);
	expect([exitCode, stderr]).toEqual([0, ""]);
	const lines = stdout.split("\n");
	const statuses = lines.filter((line) => line.startsWith('{"task_id"')).map((line) => JSON.parse(line));
	expect(statuses.map(({ state }) => state)).toEqual(["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"]);
	for (const { container_status } of statuses) expect(container_status.network_infos).toEqual(networkInfos);
	for (const line of shows) expect(stdout).toMatch(line);
	expect(leftovers(world, { except: keptByContract })).toEqual([]);
});

it("docs/mesos.md shows the examples as they are", () => {
	const text = readFileSync(join(root, "docs/mesos.md"), "utf8");
	const shown = [...text.matchAll(/\(\.\.\/conf-examples\/([^)]+)\):\n\n```json\n(.*?)```/gs)];
	expect(shown).not.toEqual([]);
	for (const [, file = "", json] of shown) {
		expect({ file, json }).toEqual({ file, json: readFileSync(join(exampleDirectory, file), "utf8") });
	}
});

/** With all directories at their defaults: folders of the world are in the place of /var/lib and /run. */
function runExample(world: World, file: string) {
	const state = join(world.directory, "state");
	mkdirSync(state);
	const inState = [
		"/usr/bin/unshare",
		"-m",
		"/bin/sh",
		"-c",
		'mount --bind "$0" /var/lib && mount -t tmpfs none /run && exec "$@"',
		state,
	];
	const command = [
		join(distribution, "cnictl"),
		"task",
		"run",
		"--config-dir",
		networks,
		"--plugins-dir",
		distribution,
	];
	return attempt(enter(world.host, [...inState, ...command, "--task", join(tasks, file)]), {
		env: { PATH: systemPath },
	});
}
