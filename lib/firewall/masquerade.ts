import { attachmentPrefix, type NetworkAttachment } from "../cni/attachment-tag.ts";
import { CniError, ErrorCode } from "../cni/error.ts";
import { everyOne } from "../cni/every-one.ts";
import type { AttachmentRequest } from "../cni/plugin.ts";
import type { Shared } from "../cni/shared.ts";
import { formatPrefix, type IpPrefix } from "../ip/address.ts";
import {
	lockFirewallIfKept,
	type RecordOwner,
	recordedAt,
	removeRecord,
	writeRecord,
} from "../state/firewall-records.ts";
import { collectStale } from "./collect-stale.ts";
import { isIptablesInUse } from "./iptables/in-use.ts";
import { iptablesMasquerade } from "./iptables-masquerade.ts";
import type { Masquerade, MasqueradeBackend } from "./masquerade-backend.ts";
import type { MasqueradeBackendName } from "./masquerade-choice.ts";
import { recordMasquerade } from "./masquerade-record.ts";
import { nftablesMasquerade } from "./nftables-masquerade.ts";
import { isWithoutNftables, type Nftables, nftablesOf, withNftables } from "./nftables-session.ts";
import type { Removal } from "./removal.ts";

export interface MasqueradeOptions {
	readonly addresses: readonly IpPrefix[];
	readonly backend: MasqueradeBackendName;
	/** What the call has open, if it is one of a runtime. */
	readonly shared?: Shared | undefined;
}

/** Masquerades what the addresses send beyond their networks; when it is so already, nothing changes. @throws CniError */
export function applyMasquerade(attachment: RecordOwner, options: MasqueradeOptions): void {
	writeRecord("masquerade", { owner: attachment, rules: recordMasquerade(options) });
	putMasquerade(attachment, options);
}

/** The same without a record of it: for what is on record. @throws CniError */
export function putMasquerade(attachment: NetworkAttachment, { addresses, backend, shared }: MasqueradeOptions): void {
	const masquerade: Masquerade = { attachment, addresses };
	if (backend === "iptables") {
		iptablesMasquerade.apply(masquerade);
		return;
	}
	try {
		nftablesMasquerade(nftablesOf(shared)).apply(masquerade);
	} catch (thrown) {
		if (backend !== "automatic" || !isWithoutNftables(thrown)) throw thrown;
		iptablesMasquerade.apply(masquerade);
	}
}

/** @throws CniError that names everything that is missing of what {@link applyMasquerade} made */
export function verifyMasquerade(attachment: NetworkAttachment, { addresses, backend }: MasqueradeOptions): void {
	const missing = missingInFirewall({ attachment, addresses }, backend);
	if (missing.length === 0) return;
	throw new CniError(
		ErrorCode.internal,
		`Cannot find the masquerading of ${addresses.map(formatPrefix).join(", ")} (interface "${attachment.ifName}" of container "${attachment.containerId}", network "${attachment.network}"): ${missing.join("; ")} missing`,
		{ details: "Somebody changed the host's firewall rules: `cnictl firewall reload` puts them back" },
	);
}

/** Whether the firewall has all of it. @throws CniError when it cannot be read */
export function isMasqueradeThere(attachment: NetworkAttachment, { addresses, backend }: MasqueradeOptions): boolean {
	return missingInFirewall({ attachment, addresses }, backend).length === 0;
}

/**
 * Removes the attachment's masquerading from both backends, whoever made it and whether or not anything is there.
 *
 * @param addresses where they are known, they keep a second interface of the container on the same network apart
 * @throws CniError: the first, after everything was tried
 */
export function removeMasquerade(
	attachment: NetworkAttachment,
	{ addresses, onlyIf, shared }: { addresses?: readonly IpPrefix[] } & Removal = {},
): void {
	const backends = backendsInUse(nftablesOf(shared));
	// Rules and record go together: `cnictl firewall reload` in between would put back what nobody removes.
	using _ = lockFirewallIfKept();
	if (onlyIf?.() === false) return;
	everyOne(backends, (backend) => backend.remove(attachment, addresses));
	removeRecord("masquerade", attachmentPrefix(attachment));
}

/** Whether ADD has put it on record, whatever the configuration says by now. */
export function isMasqueradeRecorded(attachment: NetworkAttachment): boolean {
	return recordedAt("masquerade", attachmentPrefix(attachment)) !== undefined;
}

/** The same, with the addresses that the result of its ADD names. @throws CniError */
export function removeMasqueradeOf(request: AttachmentRequest<unknown>): void {
	// In iptables, a second interface of the container is told by its addresses only.
	const addresses = request.prevResult?.ips.map(({ address }) => address) ?? [];
	removeMasquerade(request, { addresses, shared: request.shared });
}

/**
 * Removes the masquerading of attachments of the network that are not among the valid ones.
 *
 * @throws CniError: the first, after everything was tried
 */
export function collectMasquerade(
	network: string,
	validAttachments: readonly Omit<NetworkAttachment, "network">[],
): void {
	collectStale(backendsInUse(withNftables), { kind: "masquerade", network, validAttachments });
}

function missingInFirewall(masquerade: Masquerade, backend: MasqueradeBackendName): readonly string[] {
	const nftables = nftablesMasquerade(withNftables);
	const [first, other] = backend === "iptables" ? [iptablesMasquerade, nftables] : [nftables, iptablesMasquerade];
	const missing = first.verify(masquerade);
	if (missing.length === 0) return missing;
	// The reference prefers the other backend, and containers that it started outlive a change of suite.
	return isWhole(other, masquerade) ? [] : missing;
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
function backendsInUse(nftables: Nftables): readonly MasqueradeBackend[] {
	const first = nftablesMasquerade(nftables);
	return isIptablesInUse(nftables) ? [first, iptablesMasquerade] : [first];
}
