import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { addressesOf, startHostLocal } from "./host-local-call.ts";

let dataDir: string;

beforeEach(() => {
	dataDir = mkdtempSync(join(tmpdir(), "cst-host-local-"));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

function config(subnet: string): object {
	const ranges = [[{ subnet }], [{ subnet: "2001:db8:1::/64" }]];
	return { cniVersion: "1.1.0", name: "mynet", type: "bridge", ipam: { type: "host-local", dataDir, ranges } };
}

describe("host-local with many calls at once", () => {
	test("100 ADDs get 100 pairs of addresses, and 100 DELs leave nothing", async () => {
		const ids = Array.from({ length: 100 }, (_, index) => `container-${index}`);
		const all = (command: "ADD" | "DEL") =>
			Promise.all(ids.map((id) => startHostLocal({ command, config: config("10.1.2.0/24"), id })));
		const added = await all("ADD");
		expect(added.filter(({ exitCode }) => exitCode !== 0)).toEqual([]);
		const addresses = added.flatMap(({ stdout }) => addressesOf(JSON.parse(stdout)));
		expect(new Set(addresses).size).toBe(200);
		const deleted = await all("DEL");
		expect(deleted.filter(({ exitCode }) => exitCode !== 0)).toEqual([]);
		expect(readdirSync(join(dataDir, "mynet")).sort()).toEqual(["last_reserved_ip.0", "last_reserved_ip.1", "lock"]);
		expect(readdirSync(join(dataDir, ".cni-suite/mynet/pending"))).toEqual([]);
	});

	test("when 20 want the last 5 addresses, 5 get them and the others change nothing", async () => {
		const ids = Array.from({ length: 20 }, (_, index) => `container-${index}`);
		const outcomes = await Promise.all(
			ids.map((id) => startHostLocal({ command: "ADD", config: config("10.1.2.0/29"), id })),
		);
		expect(outcomes.filter(({ exitCode }) => exitCode === 0)).toHaveLength(5);
		const reserved = readdirSync(join(dataDir, "mynet")).filter((name) => /^(10|2001)/.test(name));
		expect(reserved).toHaveLength(10);
	});

	test("a call waits for the lock that the reference takes too", async () => {
		mkdirSync(join(dataDir, "mynet"));
		const lock = join(dataDir, "mynet/lock");
		const holder = spawn("flock", [lock, "sh", "-c", "echo held; read line"], { stdio: ["pipe", "pipe", "inherit"] });
		await once(holder.stdout, "data");
		let finished = false;
		const call = startHostLocal({ command: "ADD", config: config("10.1.2.0/24") }).then((outcome) => {
			finished = true;
			return outcome;
		});
		await sleep(300);
		expect(finished).toBe(false);
		expect(readdirSync(join(dataDir, "mynet"))).toEqual(["lock"]);
		holder.stdin.end("\n");
		expect((await call).exitCode).toBe(0);
	});
});
