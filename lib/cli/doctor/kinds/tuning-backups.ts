import { quoteText } from "../../../cni/quote-text.ts";
import { unlessAbsent } from "../../../linux/absent.ts";
import { unlink } from "../../../linux/files.ts";
import { listTuningBackups } from "../../../state/tuning-record.ts";
import { findRecords } from "../../survey/recorded-witnesses.ts";
import type { FindingKind, Look, Owner } from "../finding.ts";
import { judge } from "../judge.ts";

/** Attributes of links that the reference's tuning has kept: beside ours stands a record, and goes with them. */
export const tuningBackups: FindingKind = {
	name: "tuning backup",
	find(look) {
		const recorded = new Set(findRecords(look.survey.places).map(({ file: { owner } }) => nameOf(owner)));
		return look.survey.places
			.directoriesOf("tuning")
			.flatMap(listTuningBackups)
			.filter(({ name }) => !recorded.has(name))
			.flatMap(({ path, name, changedAt }) => {
				const owner = ownerOfBackup(name, look);
				const verdict = judge(owner, look, { since: changedAt });
				return [
					{
						key: `${path} ${changedAt}`,
						what: "attributes of a link before tuning",
						where: quoteText(path),
						owner,
						verdict,
						remove: () => unlessAbsent(() => unlink(path)),
					},
				];
			});
	},
};

/** Both parts may contain "_": a witness tells where one ends. */
function ownerOfBackup(name: string, { survey }: Look): Owner {
	const witness = survey.witnesses.find(({ attachment }) => nameOf(attachment) === name);
	// Whichever network gave the interface: the file does not say.
	return witness === undefined
		? {}
		: { containerId: witness.attachment.containerId, ifName: witness.attachment.ifName };
}

function nameOf({ containerId, ifName }: { containerId: string; ifName: string }): string {
	return `${containerId}_${ifName}`;
}
