import type { Family } from "../../ip/address.ts";
import { commit, readGeneration, retryDisturbed } from "../../netlink/nftables/batch.ts";
import { deleteChain, findChain } from "../../netlink/nftables/chain.ts";
import { deleteRule, flushChain, listRules, type Rule } from "../../netlink/nftables/rule.ts";
import type { NetlinkSocket } from "../../netlink/wire/socket.ts";
import { withNftables } from "../nftables-session.ts";
import { isLegacyInUse } from "./in-use.ts";
import { restoreNat, saveNat } from "./program.ts";
import { parseSavedChains, parseSavedRules, type SavedRule } from "./saved-rule.ts";

export const natTables = { 4: { family: "ip", table: "nat" }, 6: { family: "ip6", table: "nat" } } as const;

export interface ChainRemoval {
	readonly chain: string;
	/** The chain that jumps to it. */
	readonly parent: string;
	/** Which jumps to take away; the chain itself goes with the last. By default all. */
	readonly jumps?: {
		readonly inNft: (rule: Rule) => boolean;
		readonly inLegacy: (rule: SavedRule) => boolean;
	};
}

/**
 * Removes a chain of table nat from both implementations of iptables and both families; nothing there is success. What
 * iptables-nft made lies in nf_tables and is found and deleted there without a process; only iptables-legacy has to be
 * asked. Jumps go first: a chain that is jumped to cannot be deleted.
 */
export function removeChain(removal: ChainRemoval): void {
	for (const family of [4, 6] as const) {
		withNftables(
			(socket) => retryDisturbed(() => removeFromNft(socket, { ...removal, family })),
			() => {},
		);
		if (isLegacyInUse(family)) removeFromLegacy({ ...removal, family });
	}
}

/** Whether the rule jumps to the chain. */
export function jumpsTo({ expressions }: Rule, chain: string): boolean {
	return expressions.some((expression) => "chain" in expression && expression.chain === chain);
}

type Removal = ChainRemoval & { readonly family: Family };

function removeFromNft(socket: NetlinkSocket, { family, chain, parent, jumps }: Removal): void {
	const name = { ...natTables[family], chain };
	const generation = readGeneration(socket);
	if (findChain(socket, name) === undefined) return;
	const from = { ...natTables[family], chain: parent };
	const present = listRules(socket, { ...from, containing: chain }).filter((rule) => jumpsTo(rule, chain));
	const ours = jumps === undefined ? present : present.filter(jumps.inNft);
	commit(
		socket,
		[
			...ours.map(({ handle }) => deleteRule(from, handle)),
			...(ours.length === present.length ? [flushChain(name), deleteChain(name)] : []),
		],
		{ generation },
	);
}

function removeFromLegacy({ family, chain, jumps }: Removal): void {
	const saved = saveNat(family, "legacy");
	if (!parseSavedChains(saved).includes(chain)) return;
	const present = parseSavedRules(saved).filter((rule) => rule.target === chain);
	const ours = jumps === undefined ? present : present.filter(jumps.inLegacy);
	const lines = [
		...ours.map((rule) => `-D ${rule.chain} ${rule.specification}`),
		...(ours.length === present.length ? [`-F ${chain}`, `-X ${chain}`] : []),
	];
	if (lines.length > 0) restoreNat(lines, { family, kind: "legacy" });
}
