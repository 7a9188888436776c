import { type Attribute, attribute, read } from "../wire/attributes.ts";

/** What becomes of a packet: of a rule that matches, or as the value of a map. */
export type Verdict =
	| { readonly kind: "verdict"; readonly verdict: "accept" | "drop" | "return" }
	| { readonly kind: "verdict"; readonly verdict: "jump" | "goto"; readonly chain: string };

/** NF_* and NFT_* verdict codes. */
const verdictCodes = { drop: 0, accept: 1, jump: -3, goto: -4, return: -5 } as const;

const NFTA_VERDICT_CODE = 1;
const NFTA_VERDICT_CHAIN = 2;

/** The members of NFTA_DATA_VERDICT. */
export function encodeVerdict(verdict: Verdict): readonly Attribute[] {
	return [
		attribute.u32be(NFTA_VERDICT_CODE, verdictCodes[verdict.verdict]),
		...("chain" in verdict ? [attribute.string(NFTA_VERDICT_CHAIN, verdict.chain)] : []),
	];
}

/** Reads the payload of NFTA_DATA_VERDICT; undefined for a verdict that is not among ours. */
export function decodeVerdict(payload: Uint8Array | undefined): Verdict | undefined {
	const attributes = read.nested(payload);
	const code = read.u32be(attributes.get(NFTA_VERDICT_CODE));
	if (code === undefined) return undefined;
	const chain = read.string(attributes.get(NFTA_VERDICT_CHAIN)) ?? "";
	switch (code | 0) {
		case verdictCodes.accept:
			return { kind: "verdict", verdict: "accept" };
		case verdictCodes.drop:
			return { kind: "verdict", verdict: "drop" };
		case verdictCodes.return:
			return { kind: "verdict", verdict: "return" };
		case verdictCodes.jump:
			return { kind: "verdict", verdict: "jump", chain };
		case verdictCodes.goto:
			return { kind: "verdict", verdict: "goto", chain };
		default:
			return undefined;
	}
}
