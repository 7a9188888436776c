import { attachmentPrefix, type NetworkAttachment } from "../cni/attachment-tag.ts";
import { CniError, ErrorCode } from "../cni/error.ts";
import { everyOne } from "../cni/every-one.ts";
import { formatPrefix, type IpPrefix } from "../ip/address.ts";
import { lockFirewallIfKept, type RecordOwner, removeRecord, writeRecord } from "../state/firewall-records.ts";
import { collectStale } from "./collect-stale.ts";
import { isIptablesInUse } from "./iptables/in-use.ts";
import type { Masquerade, MasqueradeBackend } from "./masquerade-backend.ts";
import type { MasqueradeBackendName } from "./masquerade-choice.ts";
import { recordMasquerade } from "./masquerade-record.ts";
import { nftablesMasquerade } from "./nftables-masquerade.ts";
import { isWithoutNftables } from "./nftables-session.ts";
import type { Removal } from "./removal.ts";

export interface MasqueradeOptions {
	readonly addresses: readonly IpPrefix[];
	readonly backend: MasqueradeBackendName;
}

/** Masquerades what the addresses send beyond their networks; when it is so already, nothing changes. @throws CniError */
export async function applyMasquerade(attachment: RecordOwner, options: MasqueradeOptions): Promise<void> {
	writeRecord("masquerade", { owner: attachment, rules: recordMasquerade(options) });
	await putMasquerade(attachment, options);
}

/** The same without a record of it: for what is on record. @throws CniError */
export async function putMasquerade(
	attachment: NetworkAttachment,
	{ addresses, backend }: MasqueradeOptions,
): Promise<void> {
	const masquerade: Masquerade = { attachment, addresses };
	if (backend === "iptables") return (await loadIptables()).apply(masquerade);
	try {
		nftablesMasquerade.apply(masquerade);
	} catch (thrown) {
		if (backend !== "automatic" || !isWithoutNftables(thrown)) throw thrown;
		(await loadIptables()).apply(masquerade);
	}
}

/** @throws CniError that names everything that is missing of what {@link applyMasquerade} made */
export async function verifyMasquerade(
	attachment: NetworkAttachment,
	{ addresses, backend }: MasqueradeOptions,
): Promise<void> {
	const masquerade: Masquerade = { attachment, addresses };
	const [first, other] = backend === "iptables" ? [loadIptables, loadNftables] : [loadNftables, loadIptables];
	const missing = (await first()).verify(masquerade);
	if (missing.length === 0) return;
	// The reference prefers the other backend, and containers that it started outlive a change of suite.
	if (isWhole(await other(), masquerade)) return;
	throw new CniError(
		ErrorCode.internal,
		`Cannot find the masquerading of ${addresses.map(formatPrefix).join(", ")} (interface "${attachment.ifName}" of container "${attachment.containerId}", network "${attachment.network}"): ${missing.join("; ")} missing`,
		{ details: "Somebody changed the host's firewall rules: `cnictl firewall reload` puts them back" },
	);
}

/**
 * Removes the attachment's masquerading from both backends, whoever made it and whether or not anything is there.
 *
 * @param addresses where they are known, they keep a second interface of the container on the same network apart
 * @throws CniError: the first, after everything was tried
 */
export async function removeMasquerade(
	attachment: NetworkAttachment,
	{ addresses, onlyIf }: { addresses?: readonly IpPrefix[] } & Removal = {},
): Promise<void> {
	const backends = await backendsInUse();
	// Rules and record go together: `cnictl firewall reload` in between would put back what nobody removes.
	using _ = lockFirewallIfKept();
	if (onlyIf?.() === false) return;
	everyOne(backends, (backend) => backend.remove(attachment, addresses));
	removeRecord("masquerade", attachmentPrefix(attachment));
}

/**
 * Removes the masquerading of attachments of the network that are not among the valid ones.
 *
 * @throws CniError: the first, after everything was tried
 */
export async function collectMasquerade(
	network: string,
	validAttachments: readonly Omit<NetworkAttachment, "network">[],
): Promise<void> {
	collectStale(await backendsInUse(), { kind: "masquerade", network, validAttachments });
}

async function loadNftables(): Promise<MasqueradeBackend> {
	return nftablesMasquerade;
}

/** Loaded only where something of iptables may be: most hosts never need it. */
async function loadIptables(): Promise<MasqueradeBackend> {
	return (await import("./iptables-masquerade.ts")).iptablesMasquerade;
}

function isWhole(backend: MasqueradeBackend, masquerade: Masquerade): boolean {
	try {
		return backend.verify(masquerade).length === 0;
	} catch {
		// Without the programs of iptables, nothing can be in it.
		return false;
	}
}

/** Those in which something may be. */
async function backendsInUse(): Promise<readonly MasqueradeBackend[]> {
	return isIptablesInUse() ? [nftablesMasquerade, await loadIptables()] : [nftablesMasquerade];
}
