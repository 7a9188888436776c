import { CniError, ErrorCode } from "../cni/error.ts";
import type { Attachment } from "../cni/plugin.ts";
import type { ResultIp } from "../cni/result.ts";
import { type Family, formatAddress, type IpAddress, sameAddress } from "../ip/address.ts";
import { type AddedPool, extendSets } from "./added-pools.ts";
import { familyOf, formatRangeSet, type RangeSet, rangeOf, requireRangeOf, setSize } from "./range-set.ts";
import type { Holder, IpamStore, ReserveOutcome, Wish } from "./store.ts";
import type { Tags } from "./tags.ts";

export interface AllocationRequest {
	readonly owner: Attachment;
	/** One address is taken from each. */
	readonly sets: readonly RangeSet[];
	/** The first of them that pools may extend; those before it are the caller's. */
	readonly firstOwn?: number | undefined;
	/** The families to take addresses of; undefined for all. */
	readonly only?: readonly Family[] | undefined;
	/** Addresses asked for, in the order of precedence: each set takes the first that lies in it. */
	readonly requested: readonly IpAddress[];
	readonly tags?: Tags;
}

/**
 * Reserves one address of each set, or none at all.
 * @throws CniError code 7 when the request cannot be met by this network, 11 when it could be met later
 */
export async function allocate(store: IpamStore, request: AllocationRequest): Promise<readonly ResultIp[]> {
	for (let pools = await poolsFor(store, request); ; ) {
		const wishes = planWishes(request, pools);
		const outcome = await store.reserve(request.owner, wishes, request.tags);
		if (outcome.kind === "reserved") {
			return outcome.addresses.map((address, index) => {
				const range = requireRangeOf(wishes[index]?.set ?? [], address);
				return { address: { address, length: range.subnet.length }, gateway: range.gateway };
			});
		}
		if (outcome.kind !== "outdated") throw refusal(outcome, { request, wishes, store });
		pools = outcome.pools;
	}
}

/** As they are known, and as they are where an address is requested that lies in none of these. */
async function poolsFor({ pools }: IpamStore, request: AllocationRequest): Promise<readonly AddedPool[]> {
	const known = pools?.known() ?? [];
	if (pools === undefined || request.requested.length === 0) return known;
	const sets = extendSets(request.sets, { ...request, pools: known });
	const isPlaced = (address: IpAddress) => sets.some((set) => rangeOf(set, address) !== undefined);
	return request.requested.every(isPlaced) ? known : await pools.learn();
}

/** Which set takes which requested address. @throws CniError code 7 when one is left over, or is a gateway */
export function planWishes(request: AllocationRequest, pools: readonly AddedPool[] = []): readonly Wish[] {
	const { requested, only } = request;
	const sets = extendSets(request.sets, { ...request, pools });
	const pending = requested.filter((ip, index) => requested.findIndex((other) => sameAddress(other, ip)) === index);
	const wanted = (set: RangeSet) => only === undefined || only.includes(familyOf(set));
	const wishes = sets.flatMap((set, index): readonly Wish[] => {
		if (!wanted(set)) return [];
		const chosen = pending.findIndex((address) => rangeOf(set, address) !== undefined);
		const address = chosen < 0 ? undefined : pending.splice(chosen, 1)[0];
		if (address !== undefined) refuseGateway(address, { set, index });
		return [{ set, setIndex: index, requested: address, pools }];
	});
	if (pending.length > 0) {
		throw new CniError(
			ErrorCode.invalidNetworkConfig,
			`failed to allocate all requested IPs: ${pending.map(formatAddress).join(" ")}`,
			{ details: `Request one address at most from each range set: ${sets.map(formatRangeSet).join("; ")}` },
		);
	}
	return wishes;
}

/** What helps when a set has no free address left. */
export function exhaustedDetails(
	set: RangeSet,
	{ taken, resting = 0, store }: { taken: number; resting?: number | undefined; store: IpamStore },
): string {
	const rest = resting === 0 ? "" : `, and ${resting} rest after their release`;
	const remedy = store.pools?.remedy ?? "Extend the range";
	return `${taken} of ${setSize(set)} addresses are taken in ${formatRangeSet(set)}${rest}. ${remedy}, or release addresses of containers that are gone with GC`;
}

function refuseGateway(address: IpAddress, { set, index }: { set: RangeSet; index: number }): void {
	if (!sameAddress(requireRangeOf(set, address).gateway, address)) return;
	throw failed(index, {
		code: ErrorCode.invalidNetworkConfig,
		reason: `requested ip ${formatAddress(address)} is subnet's gateway`,
		details: "Request another address: the gateway's is never handed out",
	});
}

type Refusal = Exclude<ReserveOutcome, { kind: "reserved" | "outdated" }>;

function refusal(
	outcome: Refusal,
	{ request, wishes, store }: { request: AllocationRequest; wishes: readonly Wish[]; store: IpamStore },
): CniError {
	const { set = [], setIndex = 0 } = wishes[outcome.wish] ?? {};
	switch (outcome.kind) {
		case "duplicate": {
			const { containerId, ifName } = request.owner;
			return failed(setIndex, {
				code: ErrorCode.internal,
				reason: `${formatAddress(outcome.address)} has been allocated to ${containerId}, duplicate allocation is not allowed`,
				details: `Interface "${ifName}" of this container holds the address already. DEL it before the next ADD`,
			});
		}
		case "taken":
			return failed(setIndex, {
				code: ErrorCode.tryAgainLater,
				reason: `requested IP address ${formatAddress(outcome.address)} is not available in range set ${formatRangeSet(set)}`,
				details: heldBy(outcome.holder),
			});
		case "exhausted":
			return failed(setIndex, {
				code: ErrorCode.tryAgainLater,
				reason: `no IP addresses available in range set: ${formatRangeSet(set)}`,
				details: exhaustedDetails(set, { ...outcome, store }),
			});
	}
}

function heldBy(holder: Holder | undefined): string {
	if (holder === undefined) return "Request another address";
	const interfaceText = holder.ifName === "" ? "" : ` (interface "${holder.ifName}")`;
	const agentText = holder.agent === undefined ? "" : ` on agent "${holder.agent}"`;
	return `Container "${holder.containerId}"${interfaceText}${agentText} holds it. Request another address`;
}

function failed(index: number, { code, reason, details }: { code: number; reason: string; details: string }): CniError {
	return new CniError(code, `failed to allocate for range ${index}: ${reason}`, { details });
}
