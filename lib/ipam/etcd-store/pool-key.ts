import { CniError } from "../../cni/error.ts";
import { decodeDocument, object, required, SchemaError, string } from "../../cni/schema.ts";
import type { Gateway } from "../../etcd/gateway.ts";
import { type KeyValue, read } from "../../etcd/kv.ts";
import { formatAddress, formatPrefix, type IpPrefix } from "../../ip/address.ts";
import type { AddedPool } from "../added-pools.ts";
import { type AddressRange, parseRange } from "../range.ts";
import { blockName, parseBlock } from "./block.ts";
import type { Layout } from "./layout.ts";

/** A key of a pool as etcd has it. */
export interface PoolKey {
	readonly kv: KeyValue;
	/** What its name says; undefined for a name that is none of ours. */
	readonly subnet: IpPrefix | undefined;
	/** Undefined where its value is none of ours, or one of another subnet: no plugin takes addresses from it then. */
	readonly pool: AddedPool | undefined;
}

const textSchema = required(object({ subnet: string(), rangeStart: string(), rangeEnd: string(), gateway: string() }));

/** The value of its key, a range as configurations write it: `{"subnet":"10.90.0.0/16","rangeStart":"10.90.0.1",…}`. */
export function formatPool({ subnet, start, end, gateway }: AddressRange): string {
	return JSON.stringify({
		subnet: formatPrefix(subnet),
		rangeStart: formatAddress(start),
		rangeEnd: formatAddress(end),
		gateway: formatAddress(gateway),
	});
}

/** Undefined for any text but that of {@link formatPool}: who compares it compares every byte. */
export function parsePool(text: string): AddedPool | undefined {
	try {
		const range = parseRange(decodeDocument(textSchema, JSON.parse(text)));
		return range.gateway.family === range.start.family && formatPool(range) === text ? { range, text } : undefined;
	} catch (thrown) {
		if (thrown instanceof SyntaxError || thrown instanceof SchemaError || thrown instanceof CniError) return undefined;
		throw thrown;
	}
}

/** `4-0a5a0000-16`, as blocks are called. */
export function poolName({ address, length }: IpPrefix): string {
	return blockName({ network: address, length });
}

export function parsePoolKey(kv: KeyValue): PoolKey {
	const name = kv.key.slice(kv.key.lastIndexOf("/") + 1);
	const block = parseBlock(name);
	const pool = parsePool(kv.value);
	return {
		kv,
		subnet: block === undefined ? undefined : { address: block.network, length: block.length },
		pool: pool !== undefined && poolName(pool.range.subnet) === name ? pool : undefined,
	};
}

/** What keys say that plugins can use, in their order. */
export function poolsIn(keys: readonly KeyValue[]): readonly AddedPool[] {
	return keys.flatMap((kv) => parsePoolKey(kv).pool ?? []);
}

/** @throws EtcdError */
export async function readPools(gateway: Gateway, layout: Layout): Promise<readonly AddedPool[]> {
	return poolsIn((await read(gateway, layout.pools)).found);
}
