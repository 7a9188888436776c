import { quoteText } from "../../../cni/quote-text.ts";
import { compareAddresses, formatAddress } from "../../../ip/address.ts";
import { forgetIndex, indexFaults } from "../../../ipam/file-store/index-faults.ts";
import { layoutOf } from "../../../ipam/file-store/layout.ts";
import { scanReservations } from "../../../ipam/file-store/reservation.ts";
import { formatRangeSet, rangeOf } from "../../../ipam/range-set.ts";
import type { Finding, FindingKind } from "../../doctor/finding.ts";
import { reservationsOf } from "../../doctor/kinds/reservations.ts";
import { plainText } from "../../plain-text.ts";
import type { HostLocalNetwork } from "../networks.ts";

/** What may be wrong with a network of host-local. */
export function hostLocalKinds(network: HostLocalNetwork): readonly FindingKind[] {
	const place = { dataDir: network.dataDir, network: network.name };
	const { name, find } = reservationsOf(place);
	return [
		{ name, find: async (look) => (await find(look)).map((finding) => ({ remedy: "release it", ...finding })) },
		{ name: "index", find: () => indexFindings(network) },
		{ name: "duplicate", find: () => duplicates(network) },
	];
}

function indexFindings({ dataDir, name }: HostLocalNetwork): readonly Finding[] {
	const layout = layoutOf(dataDir, name);
	return indexFaults(layout).map((fault) => ({
		key: fault,
		what: plainSentence(fault),
		where: quoteText(layout.owners),
		owner: {},
		verdict: {
			certainty: "sure",
			reason: "the reservation files are the authority, and the index says that it fits them",
		},
		remedy: "have the next call make the index anew",
		remove: () => forgetIndex(layout),
	}));
}

/** An attachment has one address of each set. */
function duplicates({ dataDir, name, sets }: HostLocalNetwork): readonly Finding[] {
	const { directory } = layoutOf(dataDir, name);
	const first = new Map<string, string>();
	const scanned = scanReservations(directory).toSorted((a, b) => compareAddresses(a.address, b.address));
	return scanned.flatMap(({ address, owner }): Finding[] => {
		const index = sets.findIndex((set) => rangeOf(set, address) !== undefined);
		const set = sets[index];
		if (typeof owner !== "object" || set === undefined) return [];
		const key = `${index} ${owner.containerId} ${owner.ifName}`;
		const before = first.get(key);
		if (before === undefined) {
			first.set(key, formatAddress(address));
			return [];
		}
		const text = formatAddress(address);
		return [
			{
				key: text,
				what: `second address ${text} beside ${before}`,
				where: quoteText(`${directory}/${text}`),
				owner: { network: name, ...owner, addresses: [address] },
				verdict: {
					certainty: "unsure",
					reason: `an attachment gets one address of ${formatRangeSet(set)}, and which of the two it uses is not known here`,
				},
				remove: () => {},
			},
		];
	});
}

function plainSentence(text: string): string {
	return text
		.split(" ")
		.map((word) => (/^[\w.:/-]+,?$/.test(word) ? word : plainText(word)))
		.join(" ");
}
