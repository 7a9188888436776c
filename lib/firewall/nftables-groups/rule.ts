import type { Family } from "../../ip/address.ts";
import type { Expression } from "../../netlink/nftables/expression.ts";
import { loadInputInterface, loadOutputInterface } from "../../netlink/nftables/frame.ts";
import { concatenated, type LoadedField, loadAddress, matchFamily } from "../../netlink/nftables/match.ts";
import type { SetName } from "../../netlink/nftables/message.ts";
import type { ChainLayout, RuleLayout } from "../nftables-layout.ts";

/*
 * What the rules of both tables consist of.
 */

export function rule(words: string, ...expressions: readonly (readonly Expression[])[]): RuleLayout {
	return { words, expressions: expressions.flat() };
}

/** A chain whose rules are only made when somebody looks at them: an ADD mostly counts them. */
export function chainOf(
	chain: string,
	{ rules, ...more }: Pick<ChainLayout, "hook" | "uses"> & { readonly rules: () => readonly RuleLayout[] },
): ChainLayout {
	return {
		chain,
		...more,
		get rules() {
			return rules();
		},
	};
}

/** `FIELD . FIELD @SET` */
export function isIn(fields: readonly LoadedField[], { set }: SetName): readonly Expression[] {
	return [...concatenated(fields), { kind: "lookup", set, result: "none" }];
}

/** `FIELD vmap @SET` */
export function decidedBy(fields: readonly LoadedField[], { set }: SetName): readonly Expression[] {
	return [...concatenated(fields), { kind: "lookup", set, result: "verdict" }];
}

/** `ip saddr @SET`, `ip6 daddr @SET`, in the inet table. */
export function hasAddressIn(set: SetName, { family, field }: { family: Family; field: "saddr" | "daddr" }) {
	return [...matchFamily(family), ...isIn([loadAddress(family, field)], set)];
}

export const accept: readonly Expression[] = [{ kind: "verdict", verdict: "accept" }];
export const drop: readonly Expression[] = [{ kind: "verdict", verdict: "drop" }];

export function goTo(chain: string): readonly Expression[] {
	return [{ kind: "verdict", verdict: "goto", chain }];
}

/** `ip` or `ip6` */
export function ip(family: Family): "ip" | "ip6" {
	return family === 4 ? "ip" : "ip6";
}

export const inPort: readonly LoadedField[] = [loadInputInterface];
export const outPort: readonly LoadedField[] = [loadOutputInterface];

/** Before every other filter, and before addresses are translated. */
export const firstHook = { type: "filter", hook: "prerouting", priority: -300 } as const;
export const forwardHook = { type: "filter", hook: "forward", priority: 0 } as const;

export const tableComment = "Which containers may talk to each other, by the plugin groups of CNI suite";
