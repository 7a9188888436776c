import { quoteText } from "../../../cni/quote-text.ts";
import { removeChainResult } from "../../../state/chain-result.ts";
import { findChainResults } from "../../survey/chain-witnesses.ts";
import type { FindingKind } from "../finding.ts";
import { judge, ownerOf } from "../judge.ts";

/** What chains have kept of their results. */
export const chainResults: FindingKind = {
	name: "result of a chain",
	find: (look) =>
		findChainResults(look.survey.places).flatMap(({ stateDir, network, file }) => {
			const owner = ownerOf({ network, ...file.owner });
			const killed = "an ADD was killed before it was whole";
			const verdict = judge(owner, look, { since: file.changedAt, ...(file.complete ? {} : { proof: killed }) });
			return [
				{
					key: `${file.path} ${file.changedAt}`,
					what: file.complete ? "result of ADD" : "half a result",
					where: quoteText(file.path),
					owner,
					verdict,
					remove: () => removeChainResult({ stateDir, network }, file.owner),
				},
			];
		}),
};
