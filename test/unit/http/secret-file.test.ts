import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "@jest/globals";
import { tokenFile } from "../../../lib/etcd/token-file.ts";
import { readSecretFile } from "../../../lib/http/secret-file.ts";

const directory = mkdtempSync(join(tmpdir(), `cst-${process.pid}-secret-`));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const path = (name: string) => join(directory, name);

test("a secret is what stands in a file, without the line feed at its end", () => {
	writeFileSync(path("secret"), "pass word\n", { mode: 0o600 });
	expect(readSecretFile(path("secret"), "passwordFile")).toBe("pass word");
});

test.each<[string, (path: string) => void, RegExp]>([
	["that others may read", (path) => writeFileSync(path, "x", { mode: 0o604 }), /others may read it \(mode 604\)$/],
	["that is empty", (path) => writeFileSync(path, "\n", { mode: 0o600 }), /it is empty$/],
	["that is missing", () => {}, /no such file or directory$/],
	["that is a directory", (path) => mkdirSync(path), /it is no regular file$/],
	["that never ends", (path) => execFileSync("mkfifo", ["-m", "600", path]), /it is no regular file$/],
])("a file %s is refused", (what, make, cause) => {
	make(path(what));
	expect(() => readSecretFile(path(what), "passwordFile")).toThrow(cause);
});

test("a token that cannot be read is none: it only saves a login", () => {
	const token = tokenFile(path("token"), "cni");
	expect(token.recall()).toBeUndefined();
	token.remember("t1");
	expect(token.recall()).toBe("t1");
	expect(tokenFile(path("token"), "other").recall()).toBeUndefined();
	rmSync(path("token"));
	mkdirSync(path("token"));
	expect(token.recall()).toBeUndefined();
	token.remember("t2");
	expect(token.recall()).toBeUndefined();
});
