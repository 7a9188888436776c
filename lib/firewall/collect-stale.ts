import type { NetworkAttachment } from "../cni/attachment-tag.ts";
import { everyOne } from "../cni/every-one.ts";
import type { Attachment } from "../cni/plugin.ts";
import { collectRecords, lockFirewallIfKept, type RecordKind } from "../state/firewall-records.ts";

/** A backend of any kind, as far as GC needs it. */
interface Listing {
	list(network: string): readonly { isOf(attachment: NetworkAttachment): boolean; remove(): void }[];
}

/**
 * Removes what the network has in the backends, and on record, for attachments that are not among the valid ones.
 *
 * @throws CniError: the first, after everything was tried
 */
export function collectStale(
	backends: readonly Listing[],
	{ kind, network, validAttachments }: { kind: RecordKind; network: string; validAttachments: readonly Attachment[] },
): void {
	const valid = validAttachments.map(({ containerId, ifName }) => ({ network, containerId, ifName }));
	using _ = lockFirewallIfKept();
	everyOne(backends, (backend) => {
		const stale = backend.list(network).filter((owner) => !valid.some((attachment) => owner.isOf(attachment)));
		everyOne(stale, (owner) => owner.remove());
	});
	collectRecords(kind, { network, valid: validAttachments });
}
