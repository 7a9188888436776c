import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFileStore } from "../../lib/ipam/file-store/file-store.ts";
import { creatingLock } from "../unit/ipam/creating-lock.ts";
import { describeIpamStore } from "./ipam-store.ts";

describeIpamStore("files", async () => {
	const dataDir = mkdtempSync(join(tmpdir(), "cst-ipam-"));
	return {
		open: (network = "net") => createFileStore({ dataDir, network, cooldownMs: 0, lock: creatingLock }),
		[Symbol.asyncDispose]: async () => rmSync(dataDir, { recursive: true }),
	};
});
