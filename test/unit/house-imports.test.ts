import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { root } from "../support/paths.ts";

describe("the check of import directions", () => {
	it("accepts what the design allows", () => {
		const files = {
			"lib/ip/address.ts": "export interface Ip { readonly text: string }",
			"lib/linux/system-call.ts": 'import { dlopen } from "bun:ffi"; export const open = dlopen;',
			"lib/netlink/link.ts": [
				'import { open } from "../linux/system-call.ts"; import type { Ip } from "../ip/address.ts";',
				"export function link(ip: Ip) {",
				"\tusing socket = { ip, open, [Symbol.dispose]() {} };",
				"\treturn socket;",
				"}",
			].join("\n"),
			"lib/cli/main.ts": 'import { Command } from "commander"; export const command = Command;',
			"plugins/main/bridge/bridge.ts": 'import { link } from "../../../lib/netlink/link.ts"; export { link };',
			"plugins/main/bridge/check.ts": 'import { link } from "./bridge.ts"; export { link };',
			"plugins/registry.ts": 'export const bridge = () => import("./main/bridge/bridge.ts");',
			"bin/cni-suite.ts": 'import { bridge } from "../plugins/registry.ts"; export { bridge };',
		};
		expect(check(files)).toEqual({ exitCode: 0, rules: [] });
	});

	const bridge = { "plugins/main/bridge/bridge.ts": "export const bridge = 1; export type Bridge = number;" };
	const violations: [string, string, Record<string, string>][] = [
		[
			"a room that imports upwards",
			"room-ip",
			{
				"lib/ip/a.ts": 'import { b } from "../cni/b.ts"; export { b };',
				"lib/cni/b.ts": "export const b = 1;",
			},
		],
		[
			"a room that imports upwards for a type only",
			"room-linux",
			{
				"lib/linux/a.ts": 'import type { B } from "../netlink/b.ts"; export type A = B;',
				"lib/netlink/b.ts": "export type B = 1;",
			},
		],
		[
			"a room that imports upwards lazily",
			"room-netlink",
			{
				"lib/netlink/a.ts": 'export const a = () => import("../cni/b.ts");',
				"lib/cni/b.ts": "export const b = 1;",
			},
		],
		[
			"a room that nobody knows",
			"room-unknown",
			{
				"lib/misc/a.ts": 'import { b } from "../ip/b.ts"; export { b };',
				"lib/ip/b.ts": "export const b = 1;",
			},
		],
		[
			"a room that imports a plugin",
			"room-firewall",
			{
				...bridge,
				"lib/firewall/a.ts": 'import { bridge } from "../../plugins/main/bridge/bridge.ts"; export { bridge };',
			},
		],
		[
			"a plugin that imports another",
			"plugin-alone",
			{
				...bridge,
				"plugins/main/ptp/ptp.ts": 'import { bridge } from "../bridge/bridge.ts"; export { bridge };',
			},
		],
		[
			"a plugin of one file that imports another",
			"plugin-alone",
			{
				"plugins/main/loopback.ts": 'import { tap } from "./tap.ts"; export { tap };',
				"plugins/main/tap.ts": "export const tap = 1;",
			},
		],
		[
			"a plugin that imports the runtime side",
			"plugin-down",
			{
				"plugins/main/tap.ts": 'import { run } from "../../lib/cni/runtime/run.ts"; export { run };',
				"lib/cni/runtime/run.ts": "export const run = 1;",
			},
		],
		[
			"a second file that imports bun:ffi",
			"ffi-one-file",
			{
				"lib/linux/other.ts": 'import { dlopen } from "bun:ffi"; export { dlopen };',
			},
		],
		["another module of Bun", "bun-nowhere-else", { "lib/linux/a.ts": 'import { $ } from "bun"; export { $ };' }],
		[
			"a package in the hot path",
			"packages-in-cli",
			{ "lib/cni/a.ts": 'import { execa } from "execa"; export { execa };' },
		],
		[
			"a test's package in a command",
			"packages-of-cli",
			{
				"lib/cli/a.ts": 'import { Address4 } from "ip-address"; export { Address4 };',
			},
		],
		["an import that leads nowhere", "resolvable", { "lib/ip/a.ts": 'import { b } from "./b.ts"; export { b };' }],
		[
			"a cycle",
			"no-cycle",
			{
				"lib/ip/a.ts": 'import { b } from "./b.ts"; export const a = b;',
				"lib/ip/b.ts": 'import { c } from "./c.ts"; export const b = c;',
				"lib/ip/c.ts": 'import { a } from "./a.ts"; export const c = () => a;',
			},
		],
		[
			"a cycle of types",
			"no-cycle",
			{
				"lib/ip/a.ts": 'import type { B } from "./b.ts"; export type A = { b: B };',
				"lib/ip/b.ts": 'import type { A } from "./a.ts"; export type B = { a?: A };',
			},
		],
	];

	it.each(violations)("finds %s", (_what, rule, files) => {
		const { exitCode, rules } = check(files);
		expect(rules).toContain(rule);
		expect(exitCode).toBe(1);
	});
});

/** Runs the check over a tree of these files. */
function check(files: Record<string, string>) {
	const tree = mkdtempSync(join(tmpdir(), `cst-${process.pid}-imports-`));
	try {
		for (const [path, text] of Object.entries(files)) {
			mkdirSync(join(tree, dirname(path)), { recursive: true });
			writeFileSync(join(tree, path), `${text}\n`);
		}
		const command = [join(root, "test/support/check-imports.ts"), tree];
		const { status, stdout } = spawnSync(process.execPath, command, { encoding: "utf8" });
		return { exitCode: status, rules: [...stdout.matchAll(/error ([a-z-]+):/g)].map(([, rule]) => rule) };
	} finally {
		rmSync(tree, { recursive: true, force: true });
	}
}
