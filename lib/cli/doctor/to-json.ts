import { given } from "../../cni/given.ts";
import { formatAddress } from "../../ip/address.ts";
import type { Examination, Examined } from "./examine.ts";

/** What `--json` prints. */
export function toJson({ examined, blind }: Examination): Record<string, unknown> {
	return { findings: examined.map(findingToJson), notSeen: blind };
}

function findingToJson({ kind, finding, outcome, problem }: Examined): Record<string, unknown> {
	const { what, where, owner, verdict, remedy } = finding;
	return {
		kind,
		what,
		where,
		...given("network", owner.network),
		...given("containerId", owner.containerId),
		...given("ifName", owner.ifName),
		addresses: [...new Set((owner.addresses ?? []).map(formatAddress))],
		...verdict,
		...given("remedy", remedy),
		outcome,
		...given("problem", problem),
	};
}
