import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "@jest/globals";
import { createEtcdStore } from "../../lib/ipam/etcd-store/etcd-store.ts";
import { type Etcd, startEtcd } from "../support/etcd.ts";
import { createWorld, type World } from "../support/world.ts";
import { creatingLock } from "../unit/ipam/creating-lock.ts";
import { describeIpamStore } from "./ipam-store.ts";

let world: World;
let etcd: Etcd;
let stores = 0;

beforeAll(async () => {
	world = createWorld();
	etcd = await startEtcd(world.host);
});
afterAll(async () => {
	await etcd[Symbol.asyncDispose]();
	world.dispose();
});

describeIpamStore("etcd", async () => {
	const directory = mkdtempSync(join(tmpdir(), "cst-ipam-"));
	const prefix = `/test-${stores++}`;
	return {
		open: (network = "net") =>
			createEtcdStore({
				gateway: etcd.gateway(),
				prefix,
				network,
				agent: "a1",
				blockLengths: { 4: 26, 6: 122 },
				borrow: true,
				cooldownMs: 0,
				tokenLabel: "token",
				directory: join(directory, network),
				lock: creatingLock,
				tryLock: creatingLock,
				postponed: () => {},
			}),
		[Symbol.asyncDispose]: async () => rmSync(directory, { recursive: true }),
	};
});
