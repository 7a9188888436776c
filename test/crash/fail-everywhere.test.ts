import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import type { PluginCall } from "../support/run-plugin.ts";
import { createWorld, leftovers, type World } from "../support/world.ts";
import { failEverywhere } from "./fail-everywhere.ts";

const body = "const made = []; try { for (const path of paths) { fs.mkdirSync(path); made.push(path); } }";

describe("letting every change fail", () => {
	it("finds nothing wrong with an ADD that undoes what it did and says so", () => {
		using world = createWorld();
		const undo = "for (const path of made) fs.rmdirSync(path);";
		const answer = "fs.writeSync(1, JSON.stringify({ code: 5, msg: error.message })); process.exit(1);";
		const report = failEverywhere(scenario(world, `${body} catch (error) { ${undo} ${answer} }`));
		expect(report.wrong).toEqual([]);
		expect(report.failed).toBeGreaterThanOrEqual(2);
	});

	it("names what an ADD leaves that does not undo", () => {
		using world = createWorld();
		const answer = "fs.writeSync(1, JSON.stringify({ code: 5, msg: error.message })); process.exit(1);";
		const { wrong } = failEverywhere(scenario(world, `${body} catch (error) { ${answer} }`));
		expect(wrong.flatMap(({ lines }) => lines)).toEqual(["+ directory one"]);
	});

	it("names a failure without an error object", () => {
		using world = createWorld();
		const undo = "for (const path of made) fs.rmdirSync(path);";
		const { wrong } = failEverywhere(scenario(world, `${body} catch (error) { ${undo} process.exit(1); }`));
		expect(wrong.flatMap(({ lines }) => lines)).toContainEqual(expect.stringMatching(/^no error object: exit 1/));
	});
});

/** A plugin that makes the folders `paths`, one and two. */
function scenario(world: World, source: string) {
	mkdirSync(world.dataDir);
	const paths = ["one", "two"].map((name) => join(world.dataDir, name));
	const prelude = `#!${process.execPath}\nconst fs = require("node:fs"); const paths = ${JSON.stringify(paths)};`;
	writeFileSync(join(world.directory, "two-folders"), `${prelude}\n${source}\n`, { mode: 0o755 });
	const call: PluginCall = { world, type: "two-folders", cniPath: world.directory, command: "ADD", config: {} };
	return {
		call,
		prepare() {},
		recover: () => paths.forEach((path) => void rmSync(path, { recursive: true, force: true })),
		verify: () => leftovers(world, { except: [/^\+ directory \//] }),
	};
}
