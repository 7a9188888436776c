import { ErrorCode } from "../../../lib/cni/error.ts";
import type { NetworkRequest } from "../../../lib/cni/plugin.ts";
import { createFileStore } from "../../../lib/ipam/file-store/file-store.ts";
import { defaultDataDir } from "../../../lib/ipam/file-store/layout.ts";
import type { Eventually, IpamStore } from "../../../lib/ipam/store.ts";
import { lockFile } from "../../../lib/linux/file-lock.ts";
import { type RangeConfig, rangeSchema } from "../../../lib/range-ipam/config.ts";
import { explained } from "../../../lib/range-ipam/data-dir.ts";
import { rangeIpam } from "../../../lib/range-ipam/range-ipam.ts";

/** Hands out the addresses of this host's ranges, and keeps who holds which in files. */
export const hostLocal = rangeIpam({ type: "host-local", schema: rangeSchema, defaultDataDir, withStore });

/** @throws CniError code 5 when the file system refuses something */
async function withStore<T>(
	{ config, network }: NetworkRequest<RangeConfig>,
	work: (store: IpamStore) => Eventually<T>,
): Promise<T> {
	const dataDir = config.ipam?.dataDir || defaultDataDir;
	const cooldownMs = Math.max(0, config.ipam?.cooldown ?? 0) * 1000;
	try {
		return await work(createFileStore({ dataDir, network, cooldownMs, lock: lockFile }));
	} catch (thrown) {
		throw explained(dataDir, { code: ErrorCode.ioFailure, thrown });
	}
}
