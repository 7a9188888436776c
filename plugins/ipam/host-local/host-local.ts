import { CniError, ErrorCode } from "../../../lib/cni/error.ts";
import type { Attachment, AttachmentRequest, NetworkRequest, Plugin } from "../../../lib/cni/plugin.ts";
import type { Dns, ResultIp } from "../../../lib/cni/result.ts";
import { specVersions } from "../../../lib/cni/version.ts";
import { compareAddresses, formatAddress, sameAddress } from "../../../lib/ip/address.ts";
import { allocate, exhaustedDetails } from "../../../lib/ipam/allocate.ts";
import { createFileStore } from "../../../lib/ipam/file-store/file-store.ts";
import { defaultDataDir } from "../../../lib/ipam/file-store/layout.ts";
import { formatRangeSet, type RangeSet, rangeOf, setSize } from "../../../lib/ipam/range-set.ts";
import type { Eventually, IpamStore } from "../../../lib/ipam/store.ts";
import { lockFile } from "../../../lib/linux/file-lock.ts";
import { type HostLocalConfig, hostLocalSchema } from "./config.ts";
import { explained, requireUsable } from "./data-dir.ts";
import { describePools, describeWanted, requireFamilies } from "./description.ts";
import { readResolvConf } from "./resolv-conf.ts";

/** Hands out the addresses of this host's ranges, and keeps who holds which in files. */
export const hostLocal: Plugin<HostLocalConfig> = {
	type: "host-local",
	versions: specVersions,
	schema: hostLocalSchema,

	async add(request) {
		const { config, rollback } = request;
		const { requested, only, required, tags } = describeWanted(config, request.args);
		const { sets, routes } = describePools(config, request.cniVersion);
		requireFamilies(sets, required);
		const dns = readDns(config);
		return await withStore(request, async (store) => {
			const ips = await allocate(store, { owner: request, sets, requested, only, tags });
			const addresses = ips.map(({ address }) => address.address);
			rollback.push("release the addresses", () => store.unreserve(request, addresses));
			return {
				interfaces: [],
				ips,
				routes: routes.filter(({ dst }) => only?.includes(dst.address.family) ?? true),
				dns,
			};
		});
	},

	async check(request) {
		describeWanted(request.config, request.args);
		const { sets } = describePools(request.config, request.cniVersion);
		await withStore(request, (store) => verify(store, { request, sets }));
	},

	// Needs the name and the directory alone: whatever else is wrong by now, the addresses are released.
	async del(request) {
		await withStore(request, (store) => store.release(request));
	},

	async gc(request) {
		const { validAttachments } = request;
		const owners = new Set(validAttachments.flatMap((valid) => [ownerKey(valid), ownerKey({ ...valid, ifName: "" })]));
		const released = await withStore(request, (store) => store.reclaim((owner) => owners.has(ownerKey(owner))));
		if (released.length === 0) return;
		const sorted = released.map(({ address }) => address).sort(compareAddresses);
		const addresses = sorted.map(formatAddress).join(" ");
		request.log.warn(`GC released addresses of attachments that are not valid any more: ${addresses}`);
	},

	async status(request) {
		const { sets } = describePools(request.config, request.cniVersion);
		readDns(request.config);
		requireUsable(dataDirOf(request.config));
		await withStore(request, (store) => refuseExhausted(store, sets));
	},
};

function dataDirOf({ ipam }: HostLocalConfig): string {
	return ipam?.dataDir === undefined || ipam.dataDir === "" ? defaultDataDir : ipam.dataDir;
}

function readDns({ ipam }: HostLocalConfig): Dns {
	return ipam?.resolvConf === undefined || ipam.resolvConf === "" ? {} : readResolvConf(ipam.resolvConf);
}

/** Runs `work` on the network's store. @throws CniError code 5 when the file system refuses something */
async function withStore<T>(
	{ config, network }: NetworkRequest<HostLocalConfig>,
	work: (store: IpamStore) => Eventually<T>,
): Promise<T> {
	const dataDir = dataDirOf(config);
	const cooldownMs = Math.max(0, config.ipam?.cooldown ?? 0) * 1000;
	try {
		return await work(createFileStore({ dataDir, network, cooldownMs, lock: lockFile }));
	} catch (thrown) {
		throw explained(dataDir, { code: ErrorCode.ioFailure, thrown });
	}
}

interface Expectation {
	readonly request: AttachmentRequest<HostLocalConfig>;
	readonly sets: readonly RangeSet[];
}

async function verify(store: IpamStore, { request, sets }: Expectation): Promise<void> {
	const held = await store.find(request);
	if (held.length === 0) {
		const { containerId } = request;
		throw new CniError(ErrorCode.internal, `host-local: Failed to find address added by container ${containerId}`, {
			details: "Nothing is reserved for it. DEL and ADD the attachment",
		});
	}
	const missing = expectedIps(request, sets).find(
		({ address }) => !held.some((candidate) => sameAddress(candidate, address.address)),
	);
	if (missing !== undefined) throw await notHeld(request, { store, missing });
}

async function refuseExhausted(store: IpamStore, sets: readonly RangeSet[]): Promise<void> {
	for (const set of sets) {
		const taken = await store.countTaken(set);
		if (BigInt(taken) < setSize(set)) continue;
		const msg = `no IP addresses available in range set: ${formatRangeSet(set)}`;
		throw new CniError(ErrorCode.pluginNotAvailable, msg, { details: exhaustedDetails(set, taken) });
	}
}

function ownerKey({ containerId, ifName }: Attachment): string {
	return `${containerId} ${ifName}`;
}

/** Those of prevResult that come from our ranges; the others are not ours to judge. */
function expectedIps(
	{ prevResult }: AttachmentRequest<HostLocalConfig>,
	sets: readonly RangeSet[],
): readonly ResultIp[] {
	return (prevResult?.ips ?? []).filter(({ address }) =>
		sets.some((set) => rangeOf(set, address.address) !== undefined),
	);
}

async function notHeld(
	{ containerId, ifName, network }: AttachmentRequest<HostLocalConfig>,
	{ store, missing }: { store: IpamStore; missing: ResultIp },
): Promise<CniError> {
	const holder = (await store.list()).find(({ address }) => sameAddress(address, missing.address.address))?.owner;
	const cause = holder === undefined ? "it is not reserved" : `container "${holder.containerId}" holds it`;
	const address = formatAddress(missing.address.address);
	return new CniError(
		ErrorCode.internal,
		`host-local: Failed to find address ${address} added by container ${containerId}: ${cause}`,
		{
			details: `The reservation in network "${network}" for interface "${ifName}" was removed or replaced. DEL and ADD the attachment`,
		},
	);
}
