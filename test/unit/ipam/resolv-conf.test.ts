import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { parseResolvConf, readResolvConf } from "../../../lib/range-ipam/resolv-conf.ts";

const nothing = { nameservers: [], domain: "", search: [], options: [] };

describe("resolv.conf", () => {
	test.each([
		["\n\tnameserver 192.0.2.1\n  nameserver\t192.0.2.2\n", { nameservers: ["192.0.2.1", "192.0.2.2"] }],
		["nameserver 192.0.2.1\n;nameserver 192.0.2.2\n", { nameservers: ["192.0.2.1"] }],
		[
			[
				"nameserver 192.0.2.1",
				"domain example.com",
				"; a comment",
				"search example.com example.net",
				"# another",
				"nameserver 192.0.2.2 192.0.2.3",
				"search example.org",
				"options ndots:5 rotate",
				"domain example.net",
				"options timeout:1",
			].join("\n"),
			{
				nameservers: ["192.0.2.1", "192.0.2.2"],
				domain: "example.net",
				search: ["example.com", "example.net", "example.org"],
				options: ["ndots:5", "rotate", "timeout:1"],
			},
		],
		["nameserver\nsearch\nunknown word\n", {}],
		["nameserver 192.0.2.1 # not a comment here\r\n", { nameservers: ["192.0.2.1"] }],
	])("%j", (text, expected) => {
		expect(parseResolvConf(text)).toEqual({ ...nothing, ...expected });
	});

	test("a line of 64 KiB is refused", () => {
		expect(() => parseResolvConf(`search ${"x".repeat(65_536)}`)).toThrow("a line is longer than 65536 characters");
	});

	test("a missing file is named", () => {
		expect(() => readResolvConf("/no/such/file")).toThrow(
			expect.objectContaining({ code: 7, message: "open /no/such/file: no such file or directory" }),
		);
	});

	test("a file is read", () => {
		const directory = mkdtempSync(join(tmpdir(), "cst-resolv-"));
		try {
			writeFileSync(join(directory, "resolv.conf"), "domain example.com\n");
			expect(readResolvConf(join(directory, "resolv.conf"))).toEqual({ ...nothing, domain: "example.com" });
		} finally {
			rmSync(directory, { recursive: true });
		}
	});
});
