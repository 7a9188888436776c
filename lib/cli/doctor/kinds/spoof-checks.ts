import { parseTag } from "../../../cni/attachment-tag.ts";
import { quoteText } from "../../../cni/quote-text.ts";
import { type InstalledSpoofCheck, listSpoofChecks, removeSpoofCheckOf } from "../../../firewall/spoof-check.ts";
import type { FindingKind, Look, Owner, Verdict } from "../finding.ts";
import { judge } from "../judge.ts";

/** MAC spoof checks of bridge, of either suite. */
export const spoofChecks: FindingKind = {
	name: "MAC spoof check",
	find: (look) =>
		listSpoofChecks().flatMap((check) => {
			const { id, link } = check;
			const owner = ownerOfCheck(check, look);
			const isWatching = link !== undefined && look.survey.hostLinks.some(({ name }) => name === link);
			// It is made after its link and removed after it; and no rule but its own leads to it.
			const proof =
				link !== undefined && !isWatching ? `the link ${quoteText(link)} that it watches is gone` : undefined;
			const judged = judge(owner, look, proof === undefined ? {} : { proof });
			// The reference's tell of nobody, and as long as they watch, somebody is there.
			const verdict = isWatching && judged.certainty !== "sure" ? watching : judged;
			return [
				{
					key: id,
					what: `chain ${quoteText(`cni-br-iface-${id}`)}`,
					where: "nftables table bridge nat",
					owner,
					verdict,
					remove: () => removeSpoofCheckOf(id),
				},
			];
		}),
};

const watching: Verdict = { certainty: "lives", reason: "the link that it watches is there" };

/** The reference's names tell no network, nor where the container's id ends; a witness may. */
function ownerOfCheck({ id, tag }: InstalledSpoofCheck, { survey }: Look): Owner {
	const tagged = tag === undefined ? undefined : parseTag(tag);
	if (tagged !== undefined) return { prefix: tagged.prefix, ...tagged.attachment };
	const witness = survey.witnesses.find(({ attachment }) => `${attachment.containerId}-${attachment.ifName}` === id);
	return witness === undefined
		? {}
		: { containerId: witness.attachment.containerId, ifName: witness.attachment.ifName };
}
