import type { Gateway } from "../../lib/etcd/gateway.ts";
import { type KeyValue, prefixRange, readPages } from "../../lib/etcd/kv.ts";
import { formatAddress } from "../../lib/ip/address.ts";
import { addressOfKey } from "../../lib/ipam/etcd-store/address-name.ts";
import { parseOwner, parseRecord } from "../../lib/ipam/etcd-store/record.ts";

/** Every key below a prefix, without the prefix. */
export async function keysBelow(gateway: Gateway, prefix: string): Promise<ReadonlyMap<string, KeyValue>> {
	const keys = new Map<string, KeyValue>();
	for await (const page of readPages(gateway, prefixRange(`${prefix}/`))) {
		for (const kv of page) keys.set(kv.key.slice(prefix.length + 1), kv);
	}
	return keys;
}

/**
 * What does not fit together in what a network has in etcd, one line for each: addresses against owners, both ways, and
 * blocks against the index by agent, both ways.
 */
export async function inconsistencies(
	gateway: Gateway,
	{ prefix, network }: { prefix: string; network: string },
): Promise<string[]> {
	const keys = await keysBelow(gateway, `${prefix}/network/${network}`);
	const held = new Map<string, string>();
	const claimed = new Map<string, string>();
	const blocks = new Map<string, string>();
	const indexed = new Map<string, string>();
	const found: string[] = [];
	for (const [key, kv] of keys) {
		const [kind = "", ...rest] = key.split("/");
		const address = addressOfKey(key);
		if (kind === "address" && address !== undefined) {
			const record = parseRecord(kv.value);
			held.set(formatAddress(address), `${record?.agent}/${record?.containerId}/${record?.ifName}`);
		} else if (kind === "block") blocks.set(rest[0] ?? "", kv.value);
		else if (kind === "agent" && rest[1] === "block") indexed.set(rest[2] ?? "", rest[0] ?? "");
		else if (kind === "agent" && rest[1] === "owner") {
			const owner = `${rest[0]}/${rest[2]}/${rest[3]}`;
			for (const each of parseOwner(kv.value).map(formatAddress)) {
				const other = claimed.get(each);
				if (other !== undefined) found.push(`${each} is claimed by ${owner} and ${other}`);
				claimed.set(each, owner);
			}
		} else if (kind !== "resting" && kind !== "pool") found.push(`${key} is no key of ours`);
	}
	found.push(...mismatches(held, claimed), ...mismatches(blocks, indexed));
	return found;
}

function mismatches(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): string[] {
	const names = new Set([...a.keys(), ...b.keys()]);
	return [...names]
		.filter((name) => a.get(name) !== b.get(name))
		.map((name) => `${name}: ${a.get(name)}, but ${b.get(name)}`);
}
