import type { Attachment } from "../../../cni/plugin.ts";
import { quoteText } from "../../../cni/quote-text.ts";
import { formatAddress, type IpAddress } from "../../../ip/address.ts";
import { formatRangeSet, rangeOf } from "../../../ipam/range-set.ts";
import type { Reservation, Wish } from "../../../ipam/store.ts";
import type { Tags } from "../../../ipam/tags.ts";
import type { Look } from "../../doctor/finding.ts";
import type { AddressPlan } from "../address-plan.ts";
import type { ClusterNetwork } from "../networks.ts";
import { verdictOn } from "../release/objection.ts";

/** What is to become of one attachment's reservations. */
export interface Move {
	/** `ifName` is empty where nothing tells it. */
	readonly owner: Attachment;
	readonly addresses: readonly IpAddress[];
	readonly tags: Tags;
	/** What to reserve; empty unless `kind` is `move`. */
	readonly wishes: readonly Wish[];
	/** `present`: etcd has all of it; `dead`: its container surely does not live; `conflict`: it cannot be moved. */
	readonly kind: "move" | "present" | "dead" | "conflict";
	readonly reason: string;
}

export interface Migration {
	readonly from: AddressPlan;
	/** Of the network in etcd, as it was read. */
	readonly to: AddressPlan;
	readonly network: ClusterNetwork;
	readonly look: Look;
}

/** Looks at every attachment of host-local's network. Changes nothing. */
export function planMigration(migration: Migration): readonly Move[] {
	const present = new Map(migration.to.reservations.map((each) => [formatAddress(each.address), each]));
	const groups = Map.groupBy(migration.from.reservations, ({ owner }) =>
		JSON.stringify([owner.containerId, owner.ifName]),
	);
	return [...groups.values()].flatMap((members) => {
		const [first] = members;
		return first === undefined ? [] : [planMove(members, { first, present, migration })];
	});
}

interface Context {
	readonly first: Reservation;
	readonly present: ReadonlyMap<string, Reservation>;
	readonly migration: Migration;
}

function planMove(members: readonly Reservation[], { first, present, migration }: Context): Move {
	const { from, to, network, look } = migration;
	const { agent } = network.place;
	const addresses = members.map(({ address }) => address);
	const owner = withInterface(first.owner, migration);
	const move = { owner, addresses, tags: first.tags, wishes: [] };
	const holding = { network: from.network, agent: undefined, owner: first.owner, addresses, since: undefined };
	const verdict = verdictOn(holding, look);
	if (verdict.certainty === "sure") return { ...move, kind: "dead", reason: verdict.reason };
	const conflict = (reason: string): Move => ({ ...move, kind: "conflict", reason });
	if (owner.ifName === "")
		return conflict("an older release has not written of which interface it is, and nothing here tells");
	const isOwn = (held: Reservation | undefined) =>
		held?.agent === agent && held.owner.containerId === owner.containerId && held.owner.ifName === owner.ifName;
	const held = addresses.map((address) => present.get(formatAddress(address)));
	if (held.every(isOwn)) return { ...move, kind: "present", reason: "etcd has it already" };
	const other = held.find((each) => each !== undefined && !isOwn(each));
	if (other !== undefined) {
		const holder = `container ${quoteText(other.owner.containerId)} on agent ${quoteText(other.agent ?? "")}`;
		return conflict(`${holder} holds ${formatAddress(other.address)}`);
	}
	const wishes = addresses
		.filter((_, index) => held[index] === undefined)
		.flatMap((requested): Wish[] => {
			const setIndex = to.sets.findIndex((set) => rangeOf(set, requested) !== undefined);
			const set = to.sets[setIndex];
			return set === undefined ? [] : [{ set, setIndex, requested, pools: to.pools }];
		});
	const outside = addresses.find((address) => !to.sets.some((set) => rangeOf(set, address) !== undefined));
	if (outside !== undefined) {
		return conflict(`${formatAddress(outside)} is in no range: ${to.sets.map(formatRangeSet).join("; ") || "none"}`);
	}
	const gateway = wishes.find(({ set, requested }) => set.some((range) => requested?.value === range.gateway.value));
	if (gateway?.requested !== undefined) return conflict(`${formatAddress(gateway.requested)} is a gateway there`);
	const twice = wishes.find(({ setIndex }, index) => wishes.findIndex((wish) => wish.setIndex === setIndex) !== index);
	if (twice !== undefined) return conflict(`it has two addresses of ${formatRangeSet(twice.set)}`);
	return { ...move, wishes, kind: "move", reason: "" };
}

/** What older releases have not written, by what else tells of the container. */
function withInterface({ containerId, ifName }: Attachment, { from, look }: Migration): Attachment {
	if (ifName !== "") return { containerId, ifName };
	const names = look.survey.witnessIndex
		.ofContainer(containerId)
		.filter(({ attachment, state }) => attachment.network === from.network.name && state.kind === "alive")
		.map(({ attachment }) => attachment.ifName);
	const unique = [...new Set(names)];
	return { containerId, ifName: unique.length === 1 ? (unique[0] ?? "") : "" };
}
