import type { Gateway } from "../../etcd/gateway.ts";
import { absent, type KeyValue, type Operation, transact } from "../../etcd/kv.ts";
import { type IpAddress, sameAddress } from "../../ip/address.ts";
import type { Layout } from "./layout.ts";
import type { HeldAddress } from "./read-network.ts";
import { formatOwner } from "./record.ts";

/*
 * What an operator does by hand. Each is one transaction that does nothing when what was seen has changed since.
 */

export interface Place {
	readonly gateway: Gateway;
	readonly layout: Layout;
}

/** Releases `held` and forgets the owner. The addresses rest until `restsUntil`, in milliseconds since the epoch. @throws EtcdError */
export async function releaseSeen(
	{ gateway, layout }: Place,
	change: { readonly owner: KeyValue; readonly held: readonly HeldAddress[]; readonly restsUntil: number },
): Promise<boolean> {
	const { owner, held, restsUntil } = change;
	const { succeeded } = await transact(gateway, {
		compare: [owner, ...held.map(({ kv }) => kv)].map((kv) => compareOf({ key: kv.key, kv })),
		success: [
			{ remove: { key: owner.key } },
			...held.flatMap(({ address, kv }): Operation[] => [
				{ remove: { key: kv.key } },
				{ put: layout.resting(address), value: String(restsUntil) },
			]),
		],
	});
	return succeeded;
}

/**
 * Says of an owner that it holds `addresses`, and nothing else.
 *
 * @param change.unless keys and the revisions that they were seen at
 * @throws EtcdError
 */
export async function rewriteOwner(
	{ gateway }: Pick<Place, "gateway">,
	change: {
		readonly key: string;
		readonly addresses: readonly IpAddress[];
		readonly seen: readonly SeenKey[];
		readonly also?: readonly Operation[];
	},
): Promise<boolean> {
	const { key, addresses, seen, also = [] } = change;
	const { succeeded } = await transact(gateway, {
		compare: seen.map(compareOf),
		success: [
			addresses.length === 0 ? { remove: { key } } : { put: key, value: formatOwner(addresses, "repaired") },
			...also,
		],
	});
	return succeeded;
}

/** A key as it was seen; `kv` is undefined where there was none. */
export interface SeenKey {
	readonly key: string;
	readonly kv: KeyValue | undefined;
}

/** Writes or removes one key, as long as the others are as they were. @throws EtcdError */
export async function changeKey(
	{ gateway }: Pick<Place, "gateway">,
	{ operation, seen }: { readonly operation: Operation; readonly seen: readonly SeenKey[] },
): Promise<boolean> {
	const { succeeded } = await transact(gateway, { compare: seen.map(compareOf), success: [operation] });
	return succeeded;
}

function compareOf({ key, kv }: SeenKey) {
	return { key, mod: kv?.modRevision ?? absent };
}

export function without(addresses: readonly IpAddress[], address: IpAddress): readonly IpAddress[] {
	return addresses.filter((other) => !sameAddress(other, address));
}
