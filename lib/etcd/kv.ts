import { fromBase64, toBase64 } from "../linux/base64.ts";
import type { Gateway } from "./gateway.ts";

/** A key as etcd has it. */
export interface KeyValue {
	readonly key: string;
	/** Empty when only the key was asked for. */
	readonly value: string;
	/** The revision of the whole store at which the key was made: no two keys, and no two lives of one, have the same. */
	readonly createRevision: string;
	/** That of its last change. */
	readonly modRevision: string;
	/** With whose end it goes; undefined for none. */
	readonly lease?: string;
}

/** The mod revision of a key that does not exist. */
export const absent = "0";

/** Keys from `key` up to but not with `end`; without `end` that key alone. */
export interface KeyRange {
	readonly key: string;
	readonly end?: string | undefined;
}

/** Every key that starts with `prefix`, which ends in a character of ASCII. */
export function prefixRange(prefix: string): { readonly key: string; readonly end: string } {
	const last = prefix.length - 1;
	return { key: prefix, end: prefix.slice(0, last) + String.fromCharCode(prefix.charCodeAt(last) + 1) };
}

/** What must hold for a transaction to do its work. `mod` {@link absent} over a range: no key lies in it. */
export type Compare =
	| (KeyRange & { readonly mod: string })
	| { readonly key: string; readonly value: string }
	| { readonly key: string; readonly exists: true };

export type Operation =
	/** With a lease, the key goes when that ends: lease.ts. */
	| { readonly put: string; readonly value: string; readonly lease?: string }
	| { readonly remove: KeyRange }
	| { readonly read: KeyRange; readonly only?: "keys" | "count"; readonly limit?: number };

export interface ReadAnswer {
	readonly found: readonly KeyValue[];
	/** How many keys there are, whatever the limit. */
	readonly count: number;
}

export interface TransactionAnswer {
	/** Whether all compares held, so that `success` was done; else `failure` was. */
	readonly succeeded: boolean;
	/** Of the operations that were done, those that read, in their order. */
	readonly reads: readonly ReadAnswer[];
}

export interface Transaction {
	readonly compare?: readonly Compare[];
	readonly success: readonly Operation[];
	readonly failure?: readonly Operation[];
}

/** One transaction, which happens as a whole and at one time. `etcdctl txn` @throws EtcdError */
export async function transact(gateway: Gateway, transaction: Transaction): Promise<TransactionAnswer> {
	const { compare = [], success, failure = [] } = transaction;
	const answer = await gateway.call("kv/txn", {
		compare: compare.map(encodeCompare),
		success: success.map(encodeOperation),
		...(failure.length === 0 ? {} : { failure: failure.map(encodeOperation) }),
	});
	const succeeded = answer.succeeded === true;
	const responses = listOf(answer.responses);
	const done = succeeded ? success : failure;
	const reads = done.flatMap((operation, index) =>
		"read" in operation ? [decodeRange(objectOf(objectOf(responses[index]).response_range))] : [],
	);
	return { succeeded, reads };
}

/** Reads one range. `etcdctl get` @throws EtcdError */
export async function read(
	gateway: Gateway,
	range: KeyRange,
	options: { only?: "keys" | "count"; limit?: number } = {},
): Promise<ReadAnswer> {
	return decodeRange(await gateway.call("kv/range", encodeRead({ read: range, ...options })));
}

const pageSize = 1000;

/** Reads one range of any size, a page at a time: what changes meanwhile may be missed. @throws EtcdError */
export async function* readPages(
	gateway: Gateway,
	{ key, end }: { key: string; end: string },
	options: { only?: "keys" } = {},
): AsyncGenerator<readonly KeyValue[]> {
	for (let from = key; ; ) {
		const { found } = await read(gateway, { key: from, end }, { ...options, limit: pageSize });
		yield found;
		const last = found.at(-1);
		if (last === undefined || found.length < pageSize) return;
		from = `${last.key}\0`;
	}
}

/** What the gateway is not told is zero: a result EQUAL, and a target VERSION of 0, which is that of a key that does not exist. */
function encodeCompare(compare: Compare): object {
	if ("exists" in compare) return { key: toBase64(compare.key), result: "GREATER" };
	if ("value" in compare) return { key: toBase64(compare.key), target: "VALUE", value: toBase64(compare.value) };
	const range = encodeRange(compare);
	return compare.mod === absent ? range : { ...range, target: "MOD", mod_revision: compare.mod };
}

function encodeOperation(operation: Operation): object {
	if ("put" in operation) {
		const { put, value, lease } = operation;
		return { request_put: { key: toBase64(put), value: toBase64(value), ...(lease === undefined ? {} : { lease }) } };
	}
	if ("remove" in operation) return { request_delete_range: encodeRange(operation.remove) };
	return { request_range: encodeRead(operation) };
}

function encodeRead({ read: range, only, limit }: Extract<Operation, { read: KeyRange }>): object {
	return {
		...encodeRange(range),
		...(only === "keys" ? { keys_only: true } : {}),
		...(only === "count" ? { count_only: true } : {}),
		...(limit === undefined ? {} : { limit }),
	};
}

function encodeRange({ key, end }: KeyRange): object {
	return end === undefined ? { key: toBase64(key) } : { key: toBase64(key), range_end: toBase64(end) };
}

/** An answer to a range request. Of what is zero, empty or false, the gateway says nothing. */
export function decodeRange({ kvs, count }: Readonly<Record<string, unknown>>): ReadAnswer {
	const found = listOf(kvs).map((kv) => {
		const { key, value, create_revision, mod_revision, lease } = objectOf(kv);
		return {
			...(lease === undefined ? {} : { lease: String(lease) }),
			key: fromBase64(String(key)),
			value: typeof value === "string" ? fromBase64(value) : "",
			createRevision: String(create_revision),
			modRevision: String(mod_revision),
		};
	});
	return { found, count: Number(count ?? 0) };
}

function listOf(value: unknown): readonly unknown[] {
	return Array.isArray(value) ? value : [];
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
	return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
