import { formatPrefix } from "../../ip/address.ts";
import { formatRange } from "../../ipam/range.ts";
import { formatAge } from "../format-age.ts";
import { formatTable } from "../format-table.ts";
import { plainLine, plainText } from "../plain-text.ts";
import type { AddressPlan } from "./address-plan.ts";
import type { IpamNetwork } from "./networks.ts";
import { pictureLegend, pictureOf } from "./picture.ts";
import { agentUsages, blockUsages, heldOutside, rangeUsages } from "./usage.ts";

export interface ShowOptions {
	/** Whether each block is listed. */
	readonly blocks: boolean;
	readonly picture: boolean;
	/** Milliseconds since the epoch. */
	readonly now: number;
}

/** What `cnictl ipam show` prints: tables of ranges, agents and blocks, and a picture of each range. */
export function showText(plans: readonly AddressPlan[], { blocks, picture, now }: ShowOptions): string {
	if (plans.length === 0) return "No network here takes its addresses from host-local or cluster\n";
	const parts = [
		table(["NETWORK", "IPAM", "RANGE", "SIZE", "HELD", "RESTING", "FREE", "USE"], plans.flatMap(rangeRows)),
		table(
			["NETWORK", "AGENT", "STATE", "BLOCKS", "HELD", "IN OTHER BLOCKS"],
			plans.flatMap((plan) => agentRows(plan, now)),
		),
		blocks ? table(["NETWORK", "BLOCK", "AGENT", "HELD", "SIZE"], plans.flatMap(blockRows)) : "",
		picture ? pictures(plans) : "",
	];
	return parts.filter((part) => part !== "").join("\n");
}

function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
	return rows.length === 0 ? "" : formatTable([heading, ...rows]);
}

function rangeRows(plan: AddressPlan): readonly (readonly string[])[] {
	const { network, sets } = plan;
	const rows = rangeUsages(plan).map(({ range, isAdded, size, held, resting }) => [
		network.name,
		network.type,
		formatRange(range) + (isAdded ? " (pool)" : ""),
		countText(size),
		String(held),
		String(resting),
		countText(size - BigInt(held + resting)),
		shareText(held, size),
	]);
	const outside = heldOutside(plan);
	const rest = sets.length === 0 ? "unknown here" : "(outside of its ranges)";
	if (rows.length > 0 && outside === 0) return rows;
	return [...rows, [network.name, network.type, rest, "-", String(outside), "-", "-", "-"]];
}

function agentRows(plan: AddressPlan, now: number): readonly (readonly string[])[] {
	return agentUsages(plan)
		.filter(() => plan.network.type === "cluster")
		.map(({ agent, lostSince, blocks, held, elsewhere }) => [
			plan.network.name,
			plainText(agent) + (isOurs(plan.network, agent) ? " (this)" : ""),
			lostSince === undefined ? "-" : `lost for ${formatAge(now - lostSince)}`,
			String(blocks),
			String(held),
			String(elsewhere),
		]);
}

function blockRows(plan: AddressPlan): readonly (readonly string[])[] {
	return blockUsages(plan).map(({ block, agent, held, size }) => [
		plan.network.name,
		formatPrefix({ address: block.network, length: block.length }),
		plainText(agent),
		String(held),
		String(size),
	]);
}

function isOurs(network: IpamNetwork, agent: string): boolean {
	return network.type === "cluster" && network.place.agent === agent;
}

function pictures(plans: readonly AddressPlan[]): string {
	const drawn = plans.flatMap((plan) =>
		plan.sets.flat().map((range) => {
			const { lines, addressesInCell } = pictureOf(range, plan);
			const scale = addressesInCell === 1n ? "an address" : `${countText(addressesInCell)} addresses`;
			const title = `${plan.network.name} ${formatRange(range)}, ${scale} a character`;
			return [plainLine(title), ...lines, ""].join("\n");
		}),
	);
	return drawn.length === 0 ? "" : `${drawn.join("\n")}\n${pictureLegend}\n`;
}

/** As it is, up to nine digits; beyond that only its magnitude is of interest. */
export function countText(count: bigint): string {
	if (count < 1_000_000_000n) return String(count);
	return `~2^${Math.round(Math.log2(Number(count)))}`;
}

function shareText(held: number, size: bigint): string {
	const percent = (held * 100) / Number(size);
	return held > 0 && percent < 1 ? "<1%" : `${Math.floor(percent)}%`;
}
