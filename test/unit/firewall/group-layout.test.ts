import { describe, expect, it } from "@jest/globals";
import { bridgeLayout } from "../../../lib/firewall/nftables-groups/bridge-rules.ts";
import { inetLayout } from "../../../lib/firewall/nftables-groups/inet-rules.ts";
import type { TableLayout } from "../../../lib/firewall/nftables-layout.ts";
import type { Expression } from "../../../lib/netlink/nftables/expression.ts";

const layouts: readonly (readonly [string, TableLayout])[] = [
	["bridge", bridgeLayout()],
	["inet", inetLayout()],
];

const expressionsOf = ({ chains }: TableLayout): readonly Expression[] =>
	chains.flatMap(({ rules = [] }) => rules.flatMap(({ expressions }) => expressions));

describe.each(layouts)("the %s table of groups", (_family, layout) => {
	it("says how often the kernel will count each chain as used", () => {
		const leadsTo = (chain: string) =>
			expressionsOf(layout).filter((expression) => "chain" in expression && expression.chain === chain).length;
		expect(layout.chains.map(({ chain, uses }) => [chain, uses])).toEqual(
			layout.chains.map(({ chain, rules = [] }) => [chain, rules.length + leadsTo(chain)]),
		);
	});

	it("looks into each of its sets, so that the kernel keeps them", () => {
		const looked = expressionsOf(layout).flatMap((expression) =>
			expression.kind === "lookup" ? [expression.set] : [],
		);
		expect([...new Set(looked)].sort()).toEqual(layout.sets.map(({ set }) => set).sort());
	});
});
