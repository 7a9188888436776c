import { type ChainResultFile, listChainResults } from "../../state/chain-result.ts";
import { directoriesIn } from "./recorded-witnesses.ts";
import type { StatePlaces } from "./state-places.ts";
import type { Witness } from "./witness.ts";

export interface FoundChainResult {
	readonly stateDir: string;
	readonly network: string;
	readonly file: ChainResultFile;
}

/** What chains have kept of their results. */
export function findChainResults(places: StatePlaces): readonly FoundChainResult[] {
	return places
		.directoriesOf("chain")
		.flatMap((stateDir) =>
			directoriesIn(`${stateDir}/chain`).flatMap((network) =>
				listChainResults({ stateDir, network }).map((file) => ({ stateDir, network, file })),
			),
		);
}

/** A result names the namespace of the interface that it made. */
export function chainWitnesses(places: StatePlaces): readonly Witness[] {
	return findChainResults(places).flatMap(({ network, file: { owner, kept, changedAt } }) => {
		const path = kept?.result.interfaces.find(({ sandbox }) => sandbox)?.sandbox;
		if (kept === undefined || path === undefined) return [];
		return [
			{
				attachment: { network, ...owner },
				source: "the result of its chain",
				sandbox: { path, namespace: "" },
				addresses: kept.result.ips.map(({ address }) => address.address),
				since: changedAt,
			},
		];
	});
}
