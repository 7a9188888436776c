import { attachmentPrefix, type NetworkAttachment, networkPrefix } from "../cni/attachment-tag.ts";
import type { Log } from "../cni/log.ts";
import type { Attachment } from "../cni/plugin.ts";
import { createTeardown } from "../cni/teardown.ts";
import { type IpAddress, sameAddress } from "../ip/address.ts";
import { keepsRecords, listRecords, lockFirewall, removeRecord } from "../state/firewall-records.ts";
import { removeSources } from "./firewalld/firewalld.ts";
import type { ForwardRemoval } from "./forward-backend.ts";
import { type ForwardRecord, recordedForward, recordedForwards } from "./forward-record.ts";
import { hasIptablesForward } from "./iptables/filter-in-use.ts";
import { iptablesForward } from "./iptables-forward.ts";
import { nftablesForward } from "./nftables-forward.ts";
import type { Removal } from "./removal.ts";
import { isInterfaceGone, sharedBridge, sharedOutlet } from "./shared-interface.ts";

export interface RemoveForward extends Removal {
	/** What the result says that the attachment has; used where nothing is recorded of it. */
	readonly addresses: readonly IpAddress[];
	readonly backend: string;
	readonly zone: string;
	readonly log: Log;
}

/**
 * Removes what there is of the attachment, in every backend. What is recorded of it counts, else the addresses, except
 * those that another attachment has by now.
 *
 * @throws CniError: the first, after everything was tried
 */
export async function removeForward(
	attachment: NetworkAttachment,
	{ addresses, backend, zone, log, onlyIf }: RemoveForward,
): Promise<void> {
	// Nobody puts back what is being removed.
	using _ = keepsRecords("forward") ? lockFirewall() : undefined;
	if (onlyIf?.() === false) return;
	const record = recordedForward(attachment) ?? {
		// The reference leaves no record; where it may have spoken with firewalld, we ask there.
		backend: backend === "firewalld" || backend === "iptables" || backend === "nftables" ? backend : "firewalld",
		automatic: false,
		zone,
		adminChain: "",
		addresses: addresses.length === 0 ? [] : notOfOthers(attachment, addresses),
		outlet: undefined,
		ingress: undefined,
	};
	await removeRecorded(attachment, { record, log });
}

/**
 * Removes what attachments of the network have that are not among the valid ones, and what isolates bridges that are
 * gone.
 *
 * @throws CniError: the first, after everything was tried
 */
export async function collectForward(
	network: string,
	{ validAttachments, log }: { validAttachments: readonly Attachment[]; log: Log },
): Promise<void> {
	using _ = keepsRecords("forward") ? lockFirewall() : undefined;
	const valid = new Set(validAttachments.map((attachment) => attachmentPrefix({ network, ...attachment })));
	const teardown = createTeardown(log);
	const recorded = recordedForwards();
	for (const { attachment, name, ...record } of recorded) {
		if (attachment.network !== network || valid.has(name)) continue;
		await teardown.step("firewall rules", () => removeRecorded(attachment, { record, log }));
	}
	for (const entry of nftablesForward.list(network)) {
		if (validAttachments.some((attachment) => entry.isOf({ network, ...attachment }))) continue;
		await teardown.step("firewall rules", () => entry.remove());
	}
	await teardown.step("what is shared", () => nftablesForward.removeShared(isInterfaceGone));
	if (hasIptablesForward()) {
		await teardown.step("what is shared", () => iptablesForward.removeShared(isInterfaceGone));
	}
	// Of what cannot be read, all that could be found is gone.
	const unread = listRecords("forward").filter((name) => !recorded.some((record) => record.name === name));
	for (const name of unread.filter((each) => each.startsWith(`${networkPrefix(network)}-`) && !valid.has(each))) {
		await teardown.step("firewall record", () => removeRecord("forward", name));
	}
	teardown.finish();
}

/**
 * Removes what is recorded from every backend, as the host may have changed its mind about who filters; and then, if all
 * of that is gone, the record.
 *
 * @throws CniError: the first, after everything was tried
 */
export async function removeRecorded(
	attachment: NetworkAttachment,
	{ record, log }: { record: ForwardRecord; log: Log },
): Promise<void> {
	const teardown = createTeardown(log);
	const { backend, zone, addresses, outlet, ingress } = record;
	const removal: ForwardRemoval = {
		attachment,
		addresses,
		isolatedPorts: ingress?.ports ?? [],
		outlet: outlet === undefined ? undefined : sharedOutlet(outlet, attachment),
		bridge: ingress === undefined ? undefined : sharedBridge(ingress, attachment),
	};
	await teardown.step("firewall nftables", () => nftablesForward.remove(removal));
	await teardown.step("firewall iptables", () => {
		if (hasIptablesForward()) iptablesForward.remove(removal);
	});
	if (backend === "firewalld" && addresses.length > 0) {
		await teardown.step("firewall firewalld", () => removeSources(zone, addresses));
	}
	teardown.finish();
	removeRecord("forward", attachmentPrefix(attachment));
}

/** The addresses but those that are recorded for another attachment. */
function notOfOthers(attachment: NetworkAttachment, addresses: readonly IpAddress[]): readonly IpAddress[] {
	const own = attachmentPrefix(attachment);
	const taken = recordedForwards().flatMap((record) => (record.name === own ? [] : record.addresses));
	return addresses.filter((address) => !taken.some((other) => sameAddress(other, address)));
}
