import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { listNetworks } from "../../../lib/cli/networks/list-networks.ts";

let directory: string;
let paths: string;

beforeEach(() => {
	directory = mkdtempSync(join(tmpdir(), `cst-${process.pid}-networks-`));
	paths = join(directory, "bin");
	mkdirSync(paths);
	for (const type of ["one", "two", "pool"]) writeFileSync(join(paths, type), "");
});
afterEach(() => rmSync(directory, { recursive: true }));

const list = (name: string, ...types: string[]) => ({
	cniVersion: "1.1.0",
	name,
	plugins: types.map((type) => ({ type })),
});

describe("listNetworks", () => {
	it("lists lists before single configurations, each in the order of names", async () => {
		write("20.conflist", list("b", "one", "two"));
		write("10.conf", { cniVersion: "0.4.0", name: "c", type: "one" });
		write("30.conflist", {
			...list("d"),
			plugins: [{ type: "two", capabilities: { mac: true, ips: false }, ipam: { type: "pool" } }],
		});
		write("40.json", { name: "e", type: "one" });
		write("50.yaml", "ignored");
		expect(await networks()).toEqual([
			{ name: "b", kind: "conflist", cniVersion: "1.1.0", plugins: ["one", "two"], capabilities: [], problems: [] },
			{ name: "d", kind: "conflist", cniVersion: "1.1.0", plugins: ["two"], capabilities: ["mac"], problems: [] },
			{ name: "c", kind: "conf", cniVersion: "0.4.0", plugins: ["one"], capabilities: [], problems: [] },
			{ name: "e", kind: "conf", cniVersion: "", plugins: ["one"], capabilities: [], problems: [] },
		]);
	});

	it("has nothing to list in a directory that is empty or missing", async () => {
		rmSync(paths, { recursive: true });
		expect(await networks()).toEqual([]);
		directory = join(directory, "none");
		expect(await networks()).toEqual([]);
		directory = join(directory, "..");
	});

	it("names executables that are in no directory of CNI_PATH, IPAM's too, with their place", async () => {
		write(
			"10.conflist",
			`{"cniVersion":"1.1.0","name":"n","plugins":[{"type":"one"},\n{"type":"gone","ipam":{"type":"lost"}}]}`,
		);
		const [network] = await listNetworks(directory, { plugins, paths });
		expect(network?.findings.filter(({ severity }) => severity === "error")).toEqual([
			{
				severity: "error",
				path: "plugins[1].type",
				offset: 68,
				message: `failed to find plugin "gone" in path [${paths}]`,
			},
			expect.objectContaining({ path: "plugins[1].ipam.type", message: expect.stringContaining('"lost"') }),
		]);
	});

	it("says when nobody looked for executables", async () => {
		write("10.conflist", list("n", "gone"));
		const [network] = await listNetworks(directory, { plugins, paths: "" });
		expect(network?.findings.map(({ severity }) => severity)).toEqual(["note", "note"]);
	});

	it("adds the plugins of the folder of the network's name", async () => {
		write("10.conflist", { cniVersion: "1.1.0", name: "n" });
		mkdirSync(join(directory, "n"));
		write("n/20.conf", { type: "two" });
		write("n/10.conf", { type: "one" });
		expect(await networks()).toMatchObject([{ name: "n", plugins: ["one", "two"], problems: [] }]);
		write("n/15.conf", "{");
		write("20.conflist", list("m", "one"));
		const [broken, hidden] = await networks();
		expect(hidden?.problems).toHaveLength(1);
		expect(broken?.problems).toEqual([
			`error parsing configuration: unexpected end of JSON input; in the file "${join(directory, "n/15.conf")}": line 1, column 2`,
		]);
	});

	it("says that a list without any plugin stops every lookup", async () => {
		write("10.conflist", { cniVersion: "1.1.0", name: "n" });
		write("20.conflist", list("m", "one"));
		expect((await networks()).map(({ problems }) => problems)).toEqual([
			[`no plugin configs found; in the file "${join(directory, "10.conflist")}"`],
			[
				`cannot be found by its name, since lookups stop at the broken file "${join(directory, "10.conflist")}" before it`,
			],
		]);
	});

	it("names the second of two networks of one name, and what a broken file hides", async () => {
		write("10.conflist", list("n", "one"));
		write("20.conflist", list("n", "two"));
		write("30.conflist", "{");
		write("10.conf", { cniVersion: "0.4.0", name: "n", type: "one" });
		const first = join(directory, "10.conflist");
		const never = `never used: "${first}" has the same name and is found first`;
		const hidden = `cannot be found by its name, since lookups stop at the broken file "${join(directory, "30.conflist")}" before it`;
		expect((await networks()).map(({ problems }) => problems)).toEqual([
			[],
			[never],
			["unexpected end of JSON input"],
			[hidden, never],
		]);
	});
});

const plugins = { types: [], load: () => undefined };

function write(name: string, content: unknown): void {
	writeFileSync(join(directory, name), typeof content === "string" ? content : JSON.stringify(content));
}

/** Without files and places, and of the findings the texts of errors only. */
async function networks() {
	const listed = await listNetworks(directory, { plugins, paths });
	return listed.map(({ file: _file, text: _text, loads: _loads, findings, ...network }) => ({
		...network,
		problems: findings.filter(({ severity }) => severity === "error").map(({ message }) => message),
	}));
}
