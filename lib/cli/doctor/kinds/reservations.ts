import { quoteText } from "../../../cni/quote-text.ts";
import { formatAddress } from "../../../ip/address.ts";
import { discardReservation } from "../../../ipam/file-store/discard.ts";
import { isOfEarlierBoot } from "../../../ipam/file-store/freshness.ts";
import { layoutOf } from "../../../ipam/file-store/layout.ts";
import { type ScannedReservation, scanReservations } from "../../../ipam/file-store/reservation.ts";
import { unlessAbsent } from "../../../linux/absent.ts";
import { stat } from "../../../linux/files.ts";
import { directoriesIn } from "../../survey/recorded-witnesses.ts";
import type { Finding, FindingKind, Look, Owner } from "../finding.ts";
import { type Exhibit, judge } from "../judge.ts";

/** Addresses that host-local has given, of either suite. */
export const reservations: FindingKind = {
	name: "reservation",
	find: (look) =>
		look.survey.places
			.directoriesOf("host-local")
			.flatMap((dataDir) => directoriesIn(dataDir).flatMap((network) => findIn({ dataDir, network }, look))),
};

/** A network of host-local. */
export interface Place {
	readonly dataDir: string;
	readonly network: string;
}

/** Those of one network. */
export function reservationsOf(place: Place): FindingKind {
	return { name: reservations.name, find: (look) => findIn(place, look) };
}

function findIn(place: Place, look: Look): readonly Finding[] {
	const layout = layoutOf(place.dataDir, place.network);
	const isUntouched = isOfEarlierBoot(layout);
	return scanReservations(layout.directory).flatMap((reservation) => {
		const path = `${layout.directory}/${reservation.name}`;
		const since = changedAt(path);
		if (since === undefined) return [];
		const isBeforeBoot = isUntouched || since < look.survey.bootedAt;
		return findingOf(reservation, { place, path, since, isBeforeBoot, look }) ?? [];
	});
}

interface Context {
	readonly place: Place;
	readonly path: string;
	readonly since: number;
	readonly isBeforeBoot: boolean;
	readonly look: Look;
}

function findingOf(
	{ name, address, owner: holder }: ScannedReservation,
	{ place, path, since, isBeforeBoot, look }: Context,
): Finding | undefined {
	const known = typeof holder === "object" ? { network: place.network, ...holder } : undefined;
	const owner: Owner = { ...known, addresses: [address] };
	const proof = proofOf(holder, isBeforeBoot);
	const exhibit: Exhibit = { since, isAddress: true, ...(proof === undefined ? {} : { proof }) };
	const verdict = judge(owner, look, exhibit);
	return {
		key: `${path} ${since}`,
		what: `address ${formatAddress(address)}`,
		where: quoteText(path),
		owner,
		verdict,
		remove: () =>
			discardReservation(layoutOf(place.dataDir, place.network), {
				name,
				owner: typeof holder === "object" ? holder : undefined,
				onlyIf: () => changedAt(path) === since,
			}),
	};
}

function proofOf(holder: ScannedReservation["owner"], isBeforeBoot: boolean): string | undefined {
	if (holder === undefined) return "it names nobody: a crash has left it, and host-local takes it for free";
	return isBeforeBoot ? "it was made before the last boot, which no container outlives" : undefined;
}

function changedAt(path: string): number | undefined {
	const status = unlessAbsent(() => stat(path));
	return status === undefined ? undefined : Number(status.mtimeNs / 1_000_000n);
}
