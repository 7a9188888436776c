import { toBase64 } from "../linux/base64.ts";
import type { Gateway } from "./gateway.ts";
import { decodeRange, type KeyValue } from "./kv.ts";

/** Some megabytes. For every page etcd counts all keys that follow, so that small ones cost more than they save. */
const pageSize = 10_000;

/**
 * Reads one range of any size as it was at one time, a page at a time. `etcdctl get --rev`
 *
 * @param onPage told how many keys have come, and how many there are
 * @throws EtcdError
 */
export async function readSnapshot(
	gateway: Gateway,
	{ key, end }: { readonly key: string; readonly end: string },
	onPage: (done: number, all: number) => void = () => {},
): Promise<readonly KeyValue[]> {
	const all: KeyValue[] = [];
	let revision: string | undefined;
	for (let from = key; ; ) {
		const answer = await gateway.call("kv/range", {
			key: toBase64(from),
			range_end: toBase64(end),
			limit: pageSize,
			...(revision === undefined ? {} : { revision }),
		});
		revision ??= revisionOf(answer.header);
		const { found, count } = decodeRange(answer);
		all.push(...found);
		onPage(all.length, all.length - found.length + count);
		const last = found.at(-1);
		if (last === undefined || found.length < pageSize) return all;
		from = `${last.key}\0`;
	}
}

function revisionOf(header: unknown): string {
	return String((header as { readonly revision?: unknown } | undefined)?.revision ?? "0");
}
