import { CniError, ErrorCode } from "../../../cni/error.ts";
import { quoteText } from "../../../cni/quote-text.ts";
import { read, transact } from "../../../etcd/kv.ts";
import { formatAddress } from "../../../ip/address.ts";
import { layoutOf } from "../../../ipam/etcd-store/layout.ts";
import { parseRecord } from "../../../ipam/etcd-store/record.ts";
import { releaseSeen } from "../../../ipam/etcd-store/repair.ts";
import { createFileStore } from "../../../ipam/file-store/file-store.ts";
import { lockFile } from "../../../linux/file-lock.ts";
import { done } from "../check/done.ts";
import { clusterGateway } from "../cluster-gateway.ts";
import type { ClusterNetwork } from "../networks.ts";
import type { Holding } from "./holdings.ts";

/** Releases what was seen; it rests as after a DEL. @throws CniError when it has changed since */
export async function releaseHolding(holding: Holding): Promise<void> {
	const { network, owner } = holding;
	if (network.type === "cluster") return await releaseInEtcd(network, holding);
	const { dataDir, name, cooldownMs } = network;
	await createFileStore({ dataDir, network: name, cooldownMs, lock: lockFile }).release(owner);
}

async function releaseInEtcd(network: ClusterNetwork, { agent = "", owner, addresses, since }: Holding): Promise<void> {
	const gateway = clusterGateway(network);
	const layout = layoutOf(network.place.prefix, network.name);
	const [ownerKey] = (await read(gateway, { key: layout.owner(agent, owner) })).found;
	if (ownerKey === undefined) {
		throw new CniError(
			ErrorCode.internal,
			`Cannot release what container ${quoteText(owner.containerId)} holds: it is in no index`,
			{ details: "`cnictl ipam check --fix` puts that right" },
		);
	}
	const { reads } = await transact(gateway, {
		success: addresses.map((address) => ({ read: { key: layout.address(address) } })),
	});
	const held = addresses.flatMap((address, index) => {
		const kv = reads[index]?.found[0];
		const record = parseRecord(kv?.value ?? "");
		const isSame =
			record?.agent === agent &&
			record.containerId === owner.containerId &&
			record.ifName === owner.ifName &&
			record.time <= (since ?? 0);
		return kv !== undefined && isSame ? [{ address, record, kv }] : [];
	});
	if (held.length < addresses.length) {
		const text = addresses.map(formatAddress).join(" ");
		throw new CniError(ErrorCode.tryAgainLater, `Cannot release ${text}: it has changed in this moment`, {
			details: "Look again",
		});
	}
	await done(
		releaseSeen({ gateway, layout }, { owner: ownerKey, held, restsUntil: Date.now() + network.place.cooldownMs }),
	);
}
