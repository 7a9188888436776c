import { CniError, ErrorCode } from "../cni/error.ts";
import type { Attachment, AttachmentRequest, NetworkRequest, Plugin } from "../cni/plugin.ts";
import type { Dns, ResultIp } from "../cni/result.ts";
import type { Schema } from "../cni/schema.ts";
import { specVersions } from "../cni/version.ts";
import { compareAddresses, formatAddress, type IpPrefix, sameAddress } from "../ip/address.ts";
import { type AddedPool, extendSets } from "../ipam/added-pools.ts";
import { allocate, exhaustedDetails } from "../ipam/allocate.ts";
import { formatRangeSet, type RangeSet, rangeOf, setSize } from "../ipam/range-set.ts";
import type { Eventually, IpamStore } from "../ipam/store.ts";
import type { RangeConfig } from "./config.ts";
import { requireUsable } from "./data-dir.ts";
import { describePools, describeWanted, type Pools, requireFamilies } from "./description.ts";
import { readResolvConf } from "./resolv-conf.ts";

/** What one of these plugins is, beside what all have in common. */
export interface RangeIpamKind<Config extends RangeConfig> {
	/** The plugin's. */
	readonly type: string;
	readonly schema: Schema<Config>;
	readonly defaultDataDir: string;
	/** Runs `work` on the network's store. @throws CniError when the store cannot do it */
	readonly withStore: <T>(request: NetworkRequest<Config>, work: (store: IpamStore) => Eventually<T>) => Promise<T>;
	/** Looks at the keys of its own, for every verb but DEL. @throws CniError code 7 */
	readonly validate?: (config: Config) => void;
}

/** An IPAM plugin that hands out addresses of ranges, and keeps who holds which in a store. */
export function rangeIpam<Config extends RangeConfig>(kind: RangeIpamKind<Config>): Plugin<Config> {
	const { type, schema, defaultDataDir, withStore, validate = () => {} } = kind;
	return {
		type,
		versions: specVersions,
		schema,

		async add(request) {
			const { config, rollback } = request;
			validate(config);
			const { requested, only, required, tags } = describeWanted(config, request.args);
			const { sets, firstOwn, routes } = describePools(config, request.cniVersion);
			requireFamilies(sets, required);
			const dns = readDns(config);
			return await withStore(request, async (store) => {
				const ips = await allocate(store, { owner: request, sets, firstOwn, requested, only, tags });
				const addresses = ips.map(({ address }) => address.address);
				rollback.push("release the addresses", () => store.unreserve(request, addresses));
				return {
					interfaces: [],
					ips,
					routes: routes.filter(({ dst }) => only?.includes(dst.address.family) ?? true),
					dns,
					networkGateways: () => [...gatewaysOf(sets), ...(store.pools?.gateways() ?? [])],
				};
			});
		},

		async check(request) {
			validate(request.config);
			describeWanted(request.config, request.args);
			const pools = describePools(request.config, request.cniVersion);
			await withStore(request, (store) => verify(store, { type, request, pools }));
		},

		// Needs the name and the directory alone: whatever else is wrong by now, the addresses are released.
		async del(request) {
			await withStore(request, (store) => store.release(request));
		},

		async gc(request) {
			const { config, validAttachments } = request;
			validate(config);
			const owners = new Set(
				validAttachments.flatMap((valid) => [ownerKey(valid), ownerKey({ ...valid, ifName: "" })]),
			);
			const released = await withStore(request, (store) => store.reclaim((owner) => owners.has(ownerKey(owner))));
			if (released.length === 0) return;
			const sorted = released.map(({ address }) => address).sort(compareAddresses);
			const addresses = sorted.map(formatAddress).join(" ");
			request.log.warn(`GC released addresses of attachments that are not valid any more: ${addresses}`);
		},

		async status(request) {
			validate(request.config);
			const pools = describePools(request.config, request.cniVersion);
			readDns(request.config);
			requireUsable(request.config.ipam?.dataDir || defaultDataDir);
			await withStore(request, (store) => refuseExhausted(store, pools));
		},
	};
}

function gatewaysOf(sets: readonly RangeSet[]): readonly IpPrefix[] {
	return sets.flat().map(({ gateway, subnet }) => ({ address: gateway, length: subnet.length }));
}

function readDns({ ipam }: RangeConfig): Dns {
	return ipam?.resolvConf === undefined || ipam.resolvConf === "" ? {} : readResolvConf(ipam.resolvConf);
}

interface Expectation {
	readonly type: string;
	readonly request: AttachmentRequest<RangeConfig>;
	readonly pools: Pools;
}

async function verify(store: IpamStore, { type, request, pools }: Expectation): Promise<void> {
	const held = await store.find(request);
	if (held.length === 0) {
		const { containerId } = request;
		throw new CniError(ErrorCode.internal, `${type}: Failed to find address added by container ${containerId}`, {
			details: "Nothing is reserved for it. DEL and ADD the attachment",
		});
	}
	const ips = request.prevResult?.ips ?? [];
	const others = ips.filter(({ address }) => !held.some((candidate) => sameAddress(candidate, address.address)));
	const missing = (await ipsOfOurs(store, { ips: others, pools })).at(0);
	if (missing !== undefined) throw await notHeld(request, { type, store, missing });
}

async function refuseExhausted(store: IpamStore, { sets, firstOwn }: Pools): Promise<void> {
	for (const set of extendSets(sets, { firstOwn, pools: (await store.pools?.learn()) ?? [] })) {
		const taken = await store.countTaken(set);
		if (BigInt(taken) < setSize(set)) continue;
		const msg = `no IP addresses available in range set: ${formatRangeSet(set)}`;
		throw new CniError(ErrorCode.pluginNotAvailable, msg, { details: exhaustedDetails(set, { taken, store }) });
	}
}

function ownerKey({ containerId, ifName }: Attachment): string {
	return `${containerId} ${ifName}`;
}

/** Those that come from our ranges; the others are not ours to judge. */
async function ipsOfOurs(
	store: IpamStore,
	{ ips, pools: { sets, firstOwn } }: { readonly ips: readonly ResultIp[]; readonly pools: Pools },
): Promise<readonly ResultIp[]> {
	if (ips.length === 0) return [];
	const isOurs = (pools: readonly AddedPool[]) => {
		const extended = extendSets(sets, { firstOwn, pools });
		return ({ address }: ResultIp) => extended.some((set) => rangeOf(set, address.address) !== undefined);
	};
	const ours = ips.filter(isOurs(store.pools?.known() ?? []));
	// One that we do not know may be of a pool that we have not heard of.
	return store.pools === undefined || ours.length === ips.length ? ours : ips.filter(isOurs(await store.pools.learn()));
}

async function notHeld(
	{ containerId, ifName, network }: AttachmentRequest<RangeConfig>,
	{ type, store, missing }: { type: string; store: IpamStore; missing: ResultIp },
): Promise<CniError> {
	const holder = await store.holderOf(missing.address.address);
	const agent = holder?.agent === undefined ? "" : ` on agent "${holder.agent}"`;
	const cause = holder === undefined ? "it is not reserved" : `container "${holder.containerId}"${agent} holds it`;
	const address = formatAddress(missing.address.address);
	return new CniError(
		ErrorCode.internal,
		`${type}: Failed to find address ${address} added by container ${containerId}: ${cause}`,
		{
			details: `The reservation in network "${network}" for interface "${ifName}" was removed or replaced. DEL and ADD the attachment`,
		},
	);
}
