import { quoteText } from "../../../cni/quote-text.ts";
import { formatPrefix } from "../../../ip/address.ts";
import { blockName } from "../../../ipam/etcd-store/block.ts";
import { changeKey } from "../../../ipam/etcd-store/repair.ts";
import type { Finding } from "../../doctor/finding.ts";
import type { ClusterLook } from "./cluster-look.ts";
import { done } from "./done.ts";

/** Blocks against the index by agent, in both directions. */
export function blockFindings({ keys, place }: ClusterLook): readonly Finding[] {
	const { layout } = place;
	const blocks = new Map(keys.blocks.map((owned) => [blockName(owned.block), owned]));
	const indexed = new Set(keys.indexedBlocks.map(({ block, agent }) => `${agent}/${blockName(block)}`));
	const missing = keys.blocks
		.filter(({ block, agent }) => !indexed.has(`${agent}/${blockName(block)}`))
		.map(({ block, agent, kv }): Finding => {
			const key = layout.blockOf(agent, block);
			const seen = [
				{ key: kv.key, kv },
				{ key, kv: undefined },
			];
			return {
				key: `${key} ${kv.modRevision}`,
				what: `block ${textOf(block)} of agent ${quoteText(agent)} is not among those that it looks into`,
				where: quoteText(kv.key),
				owner: {},
				verdict: {
					certainty: "sure",
					reason: "the key of the block says whose it is, and the index by agent does not",
				},
				remedy: "add it to the index",
				remove: () => done(changeKey(place, { operation: { put: key, value: "" }, seen })),
			};
		});
	const wrong = keys.indexedBlocks.flatMap(({ block, agent, kv }): Finding[] => {
		const owned = blocks.get(blockName(block));
		if (owned?.agent === agent) return [];
		const whose = owned === undefined ? "belongs to nobody" : `belongs to agent ${quoteText(owned.agent)}`;
		const seen = [
			{ key: kv.key, kv },
			{ key: layout.block(block), kv: owned?.kv },
		];
		return [
			{
				key: `${kv.key} ${kv.modRevision}`,
				what: `block ${textOf(block)} among those of agent ${quoteText(agent)}`,
				where: quoteText(kv.key),
				owner: {},
				verdict: { certainty: "sure", reason: `it ${whose}, as the key of the block says` },
				remedy: "take it out of the index",
				remove: () => done(changeKey(place, { operation: { remove: { key: kv.key } }, seen })),
			},
		];
	});
	return [...missing, ...wrong];
}

function textOf({ network, length }: Parameters<typeof blockName>[0]): string {
	return formatPrefix({ address: network, length });
}
