import type { Gateway } from "./gateway.ts";

/*
 * Leases: a key that is put with one goes when it has not been kept alive for its time. Time passes in etcd alone, and
 * stands still while etcd has no leader.
 */

/** Begins a lease, and returns its id. `etcdctl lease grant` @throws EtcdError */
export async function grantLease(gateway: Gateway, ttlSeconds: number): Promise<string> {
	const { ID } = await gateway.call("lease/grant", { TTL: ttlSeconds });
	return String(ID);
}

/** Lets a lease last for its whole time again; false when it has ended already. `etcdctl lease keep-alive --once` @throws EtcdError */
export async function keepLease(gateway: Gateway, id: string): Promise<boolean> {
	const { result } = await gateway.call("lease/keepalive", { ID: id });
	const ttl = (result as { readonly TTL?: unknown } | undefined)?.TTL;
	return Number(ttl ?? 0) > 0;
}

/** Whether a lease has not ended. `etcdctl lease timetolive` @throws EtcdError */
export async function isLeaseAlive(gateway: Gateway, id: string): Promise<boolean> {
	const { TTL } = await gateway.call("lease/timetolive", { ID: id });
	return Number(TTL ?? 0) > 0;
}

/** Ends a lease, and removes its keys. `etcdctl lease revoke` @throws EtcdError */
export async function revokeLease(gateway: Gateway, id: string): Promise<void> {
	await gateway.call("lease/revoke", { ID: id });
}
