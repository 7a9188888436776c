import type { Attachment } from "../../cni/plugin.ts";
import { type KeyRange, prefixRange } from "../../etcd/kv.ts";
import type { IpAddress, IpPrefix } from "../../ip/address.ts";
import { type AddressSpan, addressName } from "./address-name.ts";
import { type Block, blockName } from "./block.ts";

/** Keys that lie beside each other. */
type KeyInterval = KeyRange & { readonly end: string };

/**
 * Where a cluster's reservations lie in etcd. docs/design/cluster.md says which transaction compares what.
 *
 *     <prefix>/agent/<agent>                      its fence, and its mark when it is lost: agent.ts
 *     <prefix>/network/<network>/
 *         address/4-0a010002                      who holds 10.1.0.2: record.ts. An address is held if and only if its key
 *                                                 exists; the key's revision is the sequence number of the reservation
 *         resting/4-0a010002                      it was released, and rests until success: milliseconds since the epoch
 *         block/4-0a010000-26                     the name of the agent that the block 10.1.0.0/26 belongs to
 *         pool/4-0a5a0000-16                      addresses of 10.90.0.0/16 that were added to the network: pool-key.ts
 *         agent/<agent>/block/4-0a010000-26       the same by agent; empty
 *         agent/<agent>/owner/<container>/<if>    what an attachment holds: record.ts
 *
 * Addresses are in hexadecimal digits of one length, so that etcd's order of keys is theirs. Names have no slash:
 * networks, containers and interfaces by the specification, agents because the plugin refuses others.
 */
export interface Layout {
	readonly agent: (agent: string) => string;
	readonly address: (address: IpAddress) => string;
	readonly addresses: (span: AddressSpan) => KeyInterval;
	readonly allAddresses: KeyInterval;
	readonly resting: (address: IpAddress) => string;
	readonly restingIn: (span: AddressSpan) => KeyInterval;
	readonly block: (block: Block) => string;
	/** Blocks that begin at `first` to `last`, whatever their size. */
	readonly blocks: (span: AddressSpan) => KeyInterval;
	readonly pool: (subnet: IpPrefix) => string;
	readonly pools: KeyInterval;
	readonly blockOf: (agent: string, block: Block) => string;
	readonly blocksOf: (agent: string) => KeyInterval;
	readonly owner: (agent: string, owner: Attachment) => string;
	readonly ownersOf: (agent: string) => KeyInterval;
}

export function layoutOf(prefix: string, network: string): Layout {
	const root = `${prefix}/network/${network}`;
	const between = (kind: string, { first, last }: AddressSpan) => ({
		key: `${root}/${kind}/${addressName(first)}`,
		// The first key behind every one that begins with this.
		end: `${root}/${kind}/${addressName(last)}~`,
	});
	return {
		agent: (agent) => `${prefix}/agent/${agent}`,
		address: (address) => `${root}/address/${addressName(address)}`,
		addresses: (span) => between("address", span),
		allAddresses: prefixRange(`${root}/address/`),
		resting: (address) => `${root}/resting/${addressName(address)}`,
		restingIn: (span) => between("resting", span),
		block: (block) => `${root}/block/${blockName(block)}`,
		blocks: (span) => between("block", span),
		pool: ({ address, length }) => `${root}/pool/${blockName({ network: address, length })}`,
		pools: prefixRange(`${root}/pool/`),
		blockOf: (agent, block) => `${root}/agent/${agent}/block/${blockName(block)}`,
		blocksOf: (agent) => prefixRange(`${root}/agent/${agent}/block/`),
		owner: (agent, { containerId, ifName }) => `${root}/agent/${agent}/owner/${containerId}/${ifName}`,
		ownersOf: (agent) => prefixRange(`${root}/agent/${agent}/owner/`),
	};
}

/** The attachment that an owner's key is of. */
export function attachmentOfKey(key: string): Attachment {
	const [ifName = "", containerId = ""] = key.split("/").reverse();
	return { containerId, ifName };
}
