import type { NetworkAttachment } from "../cni/attachment-tag.ts";
import type { Result } from "../cni/result.ts";

/** Loaded only for networks that have something to masquerade: the others save half a millisecond. */
export function loadMasquerade() {
	return import("./masquerade.ts");
}

/** Removes what an ADD of the attachment may have made. @throws the first error of a backend, when all have been tried */
export async function removeMasqueradeOf(
	attachment: NetworkAttachment & { readonly prevResult: Result | undefined },
): Promise<void> {
	const { removeMasquerade } = await loadMasquerade();
	// In iptables, a second interface of the container is told by its addresses only.
	const addresses = attachment.prevResult?.ips.map(({ address }) => address) ?? [];
	await removeMasquerade(attachment, { addresses });
}
