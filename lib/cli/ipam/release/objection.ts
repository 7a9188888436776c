import { quoteText } from "../../../cni/quote-text.ts";
import { formatAddress } from "../../../ip/address.ts";
import { layoutOf } from "../../../ipam/file-store/layout.ts";
import { unlessAbsent } from "../../../linux/absent.ts";
import { stat } from "../../../linux/files.ts";
import type { Look, Verdict } from "../../doctor/finding.ts";
import { judge } from "../../doctor/judge.ts";
import type { Holding } from "./holdings.ts";

/** What speaks against the release; undefined when the container surely does not live any more. */
export function objectionTo(holding: Holding, look: Look): string | undefined {
	const { network, agent } = holding;
	if (network.type === "cluster" && agent !== network.place.agent) {
		return `agent ${quoteText(agent ?? "")} alone can tell whether its container lives`;
	}
	const verdict = verdictOn(holding, look);
	if (verdict.certainty === "lives") return "its container lives on this host";
	return verdict.certainty === "sure" ? undefined : `it is not sure that its container is gone: ${verdict.reason}`;
}

/** Whether the container of a holding on this host lives. */
export function verdictOn(holding: Holding, look: Look): Verdict {
	const { network, owner, addresses } = holding;
	const since = holding.since ?? changedAt(holding);
	const isBeforeBoot = since !== undefined && since < look.survey.bootedAt;
	const proof = isBeforeBoot ? { proof: "it was made before the last boot, which no container outlives" } : {};
	return judge({ network: network.name, ...owner, addresses }, look, { since, isAddress: true, ...proof });
}

function changedAt({ network, addresses }: Holding): number | undefined {
	if (network.type !== "host-local") return undefined;
	const { directory } = layoutOf(network.dataDir, network.name);
	const times = addresses.flatMap(
		(address) => unlessAbsent(() => Number(stat(`${directory}/${formatAddress(address)}`).mtimeNs / 1_000_000n)) ?? [],
	);
	return times.length === 0 ? undefined : Math.max(...times);
}
