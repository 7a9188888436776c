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
	agent(agent: string): string;
	address(address: IpAddress): string;
	addresses(span: AddressSpan): KeyInterval;
	readonly allAddresses: KeyInterval;
	resting(address: IpAddress): string;
	restingIn(span: AddressSpan): KeyInterval;
	block(block: Block): string;
	/** Blocks that begin at `first` to `last`, whatever their size. */
	blocks(span: AddressSpan): KeyInterval;
	pool(subnet: IpPrefix): string;
	readonly pools: KeyInterval;
	blockOf(agent: string, block: Block): string;
	blocksOf(agent: string): KeyInterval;
	owner(agent: string, owner: Attachment): string;
	ownersOf(agent: string): KeyInterval;
}

export function layoutOf(prefix: string, network: string): Layout {
	return new PrefixLayout(prefix, network);
}

class PrefixLayout implements Layout {
	readonly prefix: string;
	/** Of the network. */
	readonly root: string;

	constructor(prefix: string, network: string) {
		this.prefix = prefix;
		this.root = `${prefix}/network/${network}`;
	}

	agent(agent: string) {
		return `${this.prefix}/agent/${agent}`;
	}

	address(address: IpAddress) {
		return `${this.root}/address/${addressName(address)}`;
	}

	addresses(span: AddressSpan) {
		return this.between("address", span);
	}

	get allAddresses() {
		return prefixRange(`${this.root}/address/`);
	}

	resting(address: IpAddress) {
		return `${this.root}/resting/${addressName(address)}`;
	}

	restingIn(span: AddressSpan) {
		return this.between("resting", span);
	}

	block(block: Block) {
		return `${this.root}/block/${blockName(block)}`;
	}

	blocks(span: AddressSpan) {
		return this.between("block", span);
	}

	pool({ address, length }: IpPrefix) {
		return `${this.root}/pool/${blockName({ network: address, length })}`;
	}

	get pools() {
		return prefixRange(`${this.root}/pool/`);
	}

	blockOf(agent: string, block: Block) {
		return `${this.root}/agent/${agent}/block/${blockName(block)}`;
	}

	blocksOf(agent: string) {
		return prefixRange(`${this.root}/agent/${agent}/block/`);
	}

	owner(agent: string, { containerId, ifName }: Attachment) {
		return `${this.root}/agent/${agent}/owner/${containerId}/${ifName}`;
	}

	ownersOf(agent: string) {
		return prefixRange(`${this.root}/agent/${agent}/owner/`);
	}

	private between(kind: string, { first, last }: AddressSpan): KeyInterval {
		return {
			key: `${this.root}/${kind}/${addressName(first)}`,
			// The first key behind every one that begins with this.
			end: `${this.root}/${kind}/${addressName(last)}~`,
		};
	}
}

/** The attachment that an owner's key is of. */
export function attachmentOfKey(key: string): Attachment {
	const [ifName = "", containerId = ""] = key.split("/").reverse();
	return { containerId, ifName };
}
