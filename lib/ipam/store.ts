import type { Attachment } from "../cni/plugin.ts";
import type { IpAddress } from "../ip/address.ts";
import type { AddedPool, AddedPools } from "./added-pools.ts";
import type { RangeSet } from "./range-set.ts";
import type { Tags } from "./tags.ts";

/** A value now, or later from a store that lies across a network. */
export type Eventually<T> = T | Promise<T>;

/**
 * The seam: who holds which address of one network. Addresses are held by attachments; a reservation of an older
 * release of the field's host-local has no `ifName` and stands for every interface of its container.
 *
 * Laws: an address has one holder at most; `reserve` takes all wishes or none; what one call reserved, only its
 * owner's `release` or `reclaim` frees.
 */
export interface IpamStore {
	/**
	 * Takes one address for each wish. Refused when the owner holds an address of any wish's set already, when a
	 * requested address is taken, when a set has no free address, or when the wishes are to be made anew. The tags are kept
	 * for as long as the addresses.
	 */
	reserve(owner: Attachment, wishes: readonly Wish[], tags?: Tags): Eventually<ReserveOutcome>;
	/** Frees what the owner holds and returns it. Holding nothing is fine. */
	release(owner: Attachment): Eventually<readonly IpAddress[]>;
	/** Takes back a `reserve` whose addresses nobody has used yet: frees these only, at once, whatever the cooldown. */
	unreserve(owner: Attachment, addresses: readonly IpAddress[]): Eventually<void>;
	/** What the owner holds. */
	find(owner: Attachment): Eventually<readonly IpAddress[]>;
	/** Who holds the address; undefined when it is free, or when that cannot be told. */
	holderOf(address: IpAddress): Eventually<Holder | undefined>;
	/** Every reservation, in no order; reads all of them. */
	list(): Eventually<readonly Reservation[]>;
	/** Frees every reservation whose owner is not valid, and returns them. */
	reclaim(isValid: (owner: Attachment) => boolean): Eventually<readonly Reservation[]>;
	/** How many addresses of the set are taken; those that cool down are not. */
	countTaken(set: RangeSet): Eventually<number>;
	/** Of a store in which a network can have pools beside its configuration. */
	readonly pools?: AddedPools;
}

export interface Reservation {
	readonly address: IpAddress;
	/** `ifName` is empty where only the container is known. */
	readonly owner: Attachment;
	readonly tags: Tags;
	/** From a store that several agents share: whose container it is. */
	readonly agent?: string;
	/** From a store that knows: when it was made, in milliseconds since the epoch by the agent's clock. */
	readonly time?: number;
	/** From a store that counts: a later reservation has a greater one. */
	readonly sequence?: string;
}

/** `agent` is there where several share a store. */
export interface Holder extends Attachment {
	readonly agent?: string;
}

/** One address wanted: any of the set, or the requested one, which lies in the set and is not a gateway. */
export interface Wish {
	readonly set: RangeSet;
	/** Of the set among those of the network, which has a cursor for each. */
	readonly setIndex: number;
	readonly requested: IpAddress | undefined;
	/** The network's pools as all wishes of the call were made from them. */
	readonly pools?: readonly AddedPool[];
}

export type ReserveOutcome =
	| { readonly kind: "reserved"; readonly addresses: readonly IpAddress[] }
	| { readonly kind: "duplicate"; readonly wish: number; readonly address: IpAddress }
	| {
			readonly kind: "taken";
			readonly wish: number;
			readonly address: IpAddress;
			readonly holder: Holder | undefined;
	  }
	| {
			readonly kind: "exhausted";
			readonly wish: number;
			readonly taken: number;
			/** How many others rest, where that keeps them from being given. */
			readonly resting?: number;
	  }
	/** The network has other pools by now. */
	| { readonly kind: "outdated"; readonly pools: readonly AddedPool[] };
