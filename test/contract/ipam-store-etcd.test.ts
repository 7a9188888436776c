import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createEtcdStore } from "../../lib/ipam/etcd-store/etcd-store.ts";
import type { Etcd } from "../support/etcd.ts";
import { etcdForAll } from "../support/etcd-for-all.ts";
import { creatingLock } from "../unit/ipam/creating-lock.ts";
import { describeIpamStore } from "./ipam-store.ts";

let etcd: Etcd;
let stores = 0;

etcdForAll((started) => {
	({ etcd } = started);
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
