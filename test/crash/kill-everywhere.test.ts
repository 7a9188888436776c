import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import type { PluginCall } from "../support/run-plugin.ts";
import { createWorld, leftovers, type World } from "../support/world.ts";
import { cutsOf, killEverywhere } from "./kill-everywhere.ts";

describe("killing a plugin everywhere", () => {
	it("reaches every change, and finds nothing wrong where recovery is complete", () => {
		using world = createWorld();
		const report = killEverywhere({ ...scenario(world), recover: () => remove(world, ["one", "two"]) });
		expect(report.wrong).toEqual([]);
		expect(report.killed).toBeGreaterThanOrEqual(2);
		expect(report.survived).toEqual([]);
	});

	it("names the cuts after which recovery leaves something", () => {
		using world = createWorld();
		const { wrong } = killEverywhere({ ...scenario(world), recover: () => remove(world, ["one"]) });
		expect(wrong.length).toBeGreaterThanOrEqual(1);
		expect(wrong[0]?.lines).toEqual(["+ directory two"]);
	});

	it("reports a recovery that fails", () => {
		using world = createWorld();
		const recover = () => {
			remove(world, ["one", "two"]);
			throw new Error("no DEL today");
		};
		const dryRuns = 2;
		let calls = 0;
		const { wrong } = killEverywhere({
			...scenario(world),
			recover: () => (calls++ < dryRuns ? remove(world, ["one", "two"]) : recover()),
		});
		expect(wrong.flatMap(({ lines }) => lines)).toContain("Error: no DEL today");
	});
});

describe("the cuts of a run", () => {
	const first = '10 execve("/p", ["/p"], 0x1) = 0\n';

	it("count all calls of a name, and are those that change something", () => {
		const log = `${first}10 openat(AT_FDCWD, "/a", O_RDONLY) = 3\n10 openat(AT_FDCWD, "/b", O_WRONLY|O_CREAT) = 3\n`;
		expect(cutsOf(log).cuts).toEqual([expect.objectContaining({ syscall: "openat", occurrence: 2 })]);
	});

	it("leave out what only asks the kernel", () => {
		const log = `${first}10 sendto(3, [{nlmsg_type=RTM_GETLINK}]) = 1\n10 sendto(3, [{nlmsg_type=RTM_NEWLINK}]) = 1\n`;
		expect(cutsOf(log).cuts).toEqual([expect.objectContaining({ syscall: "sendto", occurrence: 2 })]);
	});

	it("cannot be in another thread", () => {
		expect(() => cutsOf(`${first}11 mkdir("/a", 0700) = 0\n`)).toThrow(/another thread/);
	});

	it("are not those of another program", () => {
		expect(cutsOf(`${first}11 execve("/nft") = 0\n11 mkdir("/a", 0700) = 0\n`)).toEqual({
			cuts: [],
			startsProcesses: true,
		});
	});
});

/** A plugin that makes two folders, in a state that holds none. */
function scenario(world: World) {
	mkdirSync(world.dataDir);
	const folders = JSON.stringify(["one", "two"].map((name) => join(world.dataDir, name)));
	const source = `#!${process.execPath}\nfor (const path of ${folders}) require("node:fs").mkdirSync(path, { recursive: true });\n`;
	writeFileSync(join(world.directory, "two-folders"), source, { mode: 0o755 });
	const call: PluginCall = { world, type: "two-folders", cniPath: world.directory, command: "ADD", config: {} };
	return { call, prepare() {}, verify: () => leftovers(world, { except: [/^\+ directory \//] }) };
}

function remove(world: World, names: readonly string[]): void {
	for (const name of names) rmSync(join(world.dataDir, name), { recursive: true, force: true });
}
