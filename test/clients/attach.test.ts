import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { attempt, enter, jsonIn, type Namespace, type Outcome } from "../support/namespace.ts";
import { distribution, systemPath } from "../support/paths.ts";
import { ping } from "../support/traffic.ts";
import { createWorld, keptByContract, leftovers, type World } from "../support/world.ts";
import { cnictl, cnitool } from "./runtime-client.ts";

/* Our plugins, attached by the real cnitool and by cnictl: a life of two containers on one network, and nothing left. */

const plugin = (world: World) => ({
	type: "bridge",
	bridge: "cst0",
	isGateway: true,
	ipMasq: true,
	ipam: {
		type: "host-local",
		ranges: [[{ subnet: "10.77.0.0/24" }], [{ subnet: "fd77::/64" }]],
		routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }],
		dataDir: world.dataDir,
	},
});

/** Also what host-local keeps of its own beside the reference's files. */
const kept = [...keptByContract, /^\+ file \.cni-suite\//];

describe.each([
	["cnitool", cnitool],
	["cnictl", cnictl],
])("%s", (_name, executable) => {
	it.each([
		["a list", "10-net.conflist", (world: World) => ({ cniVersion: "1.1.0", name: "net", plugins: [plugin(world)] })],
		[
			"a single configuration",
			"10-net.conf",
			(world: World) => ({ cniVersion: "0.4.0", name: "net", ...plugin(world) }),
		],
	])("attaches, checks and detaches containers of %s", (_kind, file, configure) => {
		using world = createWorld();
		const run = prepare(world, { executable, file, content: configure(world) });
		const [first, second] = [world.container(), world.container()];

		const results = [first, second].map((container) => JSON.parse(succeed(run("add", container))) as AddResult);
		expect(results.map(({ ips }) => ips.map(({ address }) => address))).toEqual([
			["10.77.0.2/24", "fd77::2/64"],
			["10.77.0.3/24", "fd77::3/64"],
		]);
		expect(addressesOf(first)).toEqual(expect.arrayContaining(["10.77.0.2", "fd77::2"]));
		expect([ping(first, "10.77.0.3"), ping(second, "fd77::2")]).toEqual([true, true]);
		for (const container of [first, second]) succeed(run("check", container));
		succeed(run("status", first));

		for (const container of [first, second, first]) expect(succeed(run("del", container))).toBe("");
		expect(addressesOf(first)).not.toContain("10.77.0.2");
		expect(cacheOf(world)).toEqual([]);
		expect(leftovers(world, { except: kept })).toEqual([]);
	});

	it("takes everything away with gc", () => {
		using world = createWorld();
		const content = { cniVersion: "1.1.0", name: "net", plugins: [plugin(world)] };
		const run = prepare(world, { executable, file: "10-net.conflist", content });
		const container = world.container();
		succeed(run("add", container));
		expect(cacheOf(world)).toHaveLength(1);
		succeed(run("gc", container));
		expect(cacheOf(world)).toEqual([]);
		expect(leftovers(world, { except: kept })).toEqual([]);
	});

	it("says with check what is missing", () => {
		using world = createWorld();
		const content = { cniVersion: "1.1.0", name: "net", plugins: [plugin(world)] };
		const run = prepare(world, { executable, file: "10-net.conflist", content });
		const container = world.container();
		succeed(run("add", container));
		attempt(enter(container, ["ip", "address", "flush", "dev", "eth0", "scope", "global"]));
		const { exitCode, stderr } = run("check", container);
		expect(exitCode).toBe(1);
		expect(stderr).toContain("10.77.0.2");
		succeed(run("del", container));
	});
});

it("cnictl version tells that every plugin of a network serves its version", () => {
	using world = createWorld();
	const content = { cniVersion: "1.1.0", name: "net", plugins: [plugin(world)] };
	const run = prepare(world, { executable: cnictl, file: "10-net.conflist", content });
	const report = JSON.parse(succeed(run("version", world.container(), "--json")));
	expect(report.plugins.map(({ type, serves }: { type: string; serves: boolean }) => [type, serves])).toEqual([
		["bridge", true],
		["host-local", true],
	]);
});

interface AddResult {
	readonly ips: readonly { readonly address: string }[];
}

type Run = (verb: string, container: Namespace, ...flags: string[]) => Outcome;

/** Runs a verb in the world's host namespace, with a folder of the world in the place of /var/lib. */
function prepare(
	world: World,
	{ executable, file, content }: { executable: string; file: string; content: unknown },
): Run {
	const [configDirectory, stateDirectory] = ["net.d", "state"].map((name) => join(world.directory, name)) as [
		string,
		string,
	];
	for (const directory of [configDirectory, stateDirectory]) mkdirSync(directory);
	writeFileSync(join(configDirectory, file), JSON.stringify(content));
	const env = { PATH: systemPath, CNI_PATH: distribution, NETCONFPATH: configDirectory };
	const isolate = [
		"/usr/bin/unshare",
		"-m",
		"/bin/sh",
		"-c",
		'mount --bind "$0" /var/lib && exec "$@"',
		stateDirectory,
	];
	return (verb, container, ...flags) =>
		attempt(enter(world.host, [...isolate, executable, verb, "net", container.path, ...flags]), { env });
}

function succeed({ exitCode, stdout, stderr }: Outcome): string {
	expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
	return stdout;
}

function cacheOf(world: World): string[] {
	const results = join(world.directory, "state/cni/results");
	return existsSync(results) ? readdirSync(results) : [];
}

function addressesOf(namespace: Namespace): string[] {
	const links = jsonIn<{ addr_info: { local: string }[] }[]>(namespace, ["ip", "-j", "address"]);
	return links.flatMap(({ addr_info }) => addr_info.map(({ local }) => local));
}
