import type { NetworkAttachment } from "../cni/attachment-tag.ts";
import type { Log } from "../cni/log.ts";
import type { IpPrefix } from "../ip/address.ts";
import { type FirewallRecord, type RecordKind, recordOf } from "../state/firewall-records.ts";
import { removeForward } from "./forward-removal.ts";
import { removeGroups } from "./groups.ts";
import { removeMasquerade } from "./masquerade.ts";
import { recordedMasquerade } from "./masquerade-record.ts";
import { removePortMap } from "./port-map.ts";
import type { Removal } from "./removal.ts";

/**
 * Removes what an attachment has of a kind, rules and record, knowing nothing of its configuration.
 *
 * @throws CniError: the first, after everything was tried
 */
export async function removeRules(
	kind: RecordKind,
	{ attachment, log, onlyIf }: { attachment: NetworkAttachment; log: Log } & Removal,
): Promise<void> {
	const removers: Readonly<Record<RecordKind, () => void | Promise<void>>> = {
		masquerade: () => removeMasquerade(attachment, { addresses: recordedAddresses(attachment), onlyIf }),
		portmap: () => removePortMap(attachment, { told: undefined, log, onlyIf }),
		forward: () => removeForward(attachment, { addresses: [], backend: "", zone: "", log, onlyIf }),
		groups: () => removeGroups(attachment, { onlyIf }),
	};
	await removers[kind]();
}

/** In iptables, a second interface of the container on the network is told by its addresses alone. */
function recordedAddresses(attachment: NetworkAttachment): readonly IpPrefix[] {
	const record = recordOf("masquerade", attachment);
	return (record && recordedMasquerade(record)?.addresses) ?? [];
}

/** Whether what is on record of the attachment is still what it was: an ADD in between has made another. */
export function isSameRecord(kind: RecordKind, former: Pick<FirewallRecord, "attachment" | "sandbox">): boolean {
	const { path, namespace } = recordOf(kind, former.attachment)?.sandbox ?? {};
	return path === former.sandbox.path && namespace === former.sandbox.namespace;
}
