import { type Attribute, attribute, decodeAttributeList, read } from "../wire/attributes.ts";

/**
 * The steps that a rule consists of, as `nft --debug=netlink list ruleset` shows them. All of them work on the first
 * register, which is all that simple matches need.
 */
export type Expression =
	| { readonly kind: "meta"; readonly key: MetaKey }
	| { readonly kind: "payload"; readonly base: PayloadBase; readonly offset: number; readonly length: number }
	/** `register & mask`. */
	| { readonly kind: "mask"; readonly mask: Uint8Array }
	/** Ends the rule unless the register is (not) equal to the bytes. */
	| { readonly kind: "compare"; readonly operator: "==" | "!="; readonly bytes: Uint8Array }
	| { readonly kind: "verdict"; readonly verdict: "accept" | "drop" | "return" }
	| { readonly kind: "verdict"; readonly verdict: "jump" | "goto"; readonly chain: string }
	| { readonly kind: "masquerade" }
	/** Read only: one whose content nobody here asks for (`counter`, extensions of iptables). */
	| { readonly kind: "other"; readonly name: string };

/** Numbers of NFT_META_*. */
const metaKeys = { iifname: 6, nfproto: 15 } as const;
export type MetaKey = keyof typeof metaKeys;

/** NFT_PAYLOAD_*: the header that an offset counts from, in the order of their numbers. */
const payloadBases = ["link", "network", "transport"] as const;
export type PayloadBase = (typeof payloadBases)[number];

/** NF_* and NFT_* verdict codes. */
const verdictCodes = { drop: 0, accept: 1, jump: -3, goto: -4, return: -5 } as const;

const NFTA_LIST_ELEM = 1;
const NFTA_EXPR_NAME = 1;
const NFTA_EXPR_DATA = 2;
const NFTA_DATA_VALUE = 1;
const NFTA_DATA_VERDICT = 2;
const NFTA_VERDICT_CODE = 1;
const NFTA_VERDICT_CHAIN = 2;
const NFTA_META_DREG = 1;
const NFTA_META_KEY = 2;
const NFTA_PAYLOAD_DREG = 1;
const NFTA_PAYLOAD_BASE = 2;
const NFTA_PAYLOAD_OFFSET = 3;
const NFTA_PAYLOAD_LEN = 4;
const NFTA_BITWISE_SREG = 1;
const NFTA_BITWISE_DREG = 2;
const NFTA_BITWISE_LEN = 3;
const NFTA_BITWISE_MASK = 4;
const NFTA_BITWISE_XOR = 5;
const NFTA_CMP_SREG = 1;
const NFTA_CMP_OP = 2;
const NFTA_CMP_DATA = 3;
const NFTA_IMMEDIATE_DREG = 1;
const NFTA_IMMEDIATE_DATA = 2;

const verdictRegister = 0;
const firstRegister = 1;

/** The members of NFTA_RULE_EXPRESSIONS, byte for byte as `nft` sends them. */
export function encodeExpressions(expressions: readonly Expression[]): readonly Attribute[] {
	return expressions.map((expression) => {
		const { name, data } = encodeExpression(expression);
		return attribute.nested(NFTA_LIST_ELEM, [
			attribute.string(NFTA_EXPR_NAME, name),
			attribute.nested(NFTA_EXPR_DATA, data),
		]);
	});
}

/** Reads the payload of NFTA_RULE_EXPRESSIONS. */
export function decodeExpressions(payload: Uint8Array): readonly Expression[] {
	return decodeAttributeList(payload).map((element) => {
		const attributes = read.nested(element.payload);
		const name = read.string(attributes.get(NFTA_EXPR_NAME)) ?? "";
		return decodeExpression(name, read.nested(attributes.get(NFTA_EXPR_DATA))) ?? { kind: "other", name };
	});
}

/** Whether two rules do the same; counters and other steps that decide nothing are left out by the caller. */
export function sameExpressions(a: readonly Expression[], b: readonly Expression[]): boolean {
	if (a.length !== b.length) return false;
	for (let index = 0; index < a.length; index++) if (!sameExpression(a[index], b[index])) return false;
	return true;
}

function sameExpression(a: Expression | undefined, b: Expression | undefined): boolean {
	if (a === undefined || b === undefined) return a === b;
	switch (a.kind) {
		case "meta":
			return b.kind === "meta" && a.key === b.key;
		case "payload":
			return b.kind === "payload" && a.base === b.base && a.offset === b.offset && a.length === b.length;
		case "mask":
			return b.kind === "mask" && sameBytes(a.mask, b.mask);
		case "compare":
			return b.kind === "compare" && a.operator === b.operator && sameBytes(a.bytes, b.bytes);
		case "verdict":
			return b.kind === "verdict" && a.verdict === b.verdict && targetOf(a) === targetOf(b);
		case "masquerade":
			return b.kind === "masquerade";
		case "other":
			// Its content was not read.
			return false;
	}
}

function targetOf(verdict: Expression): string | undefined {
	return "chain" in verdict ? verdict.chain : undefined;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
	if (a.byteLength !== b.byteLength) return false;
	for (let index = 0; index < a.byteLength; index++) if (a[index] !== b[index]) return false;
	return true;
}

function encodeExpression(expression: Expression): { name: string; data: readonly Attribute[] } {
	switch (expression.kind) {
		case "meta":
			return {
				name: "meta",
				data: [
					attribute.u32be(NFTA_META_KEY, metaKeys[expression.key]),
					attribute.u32be(NFTA_META_DREG, firstRegister),
				],
			};
		case "payload":
			return {
				name: "payload",
				data: [
					attribute.u32be(NFTA_PAYLOAD_DREG, firstRegister),
					attribute.u32be(NFTA_PAYLOAD_BASE, payloadBases.indexOf(expression.base)),
					attribute.u32be(NFTA_PAYLOAD_OFFSET, expression.offset),
					attribute.u32be(NFTA_PAYLOAD_LEN, expression.length),
				],
			};
		case "mask":
			return {
				name: "bitwise",
				data: [
					attribute.u32be(NFTA_BITWISE_SREG, firstRegister),
					attribute.u32be(NFTA_BITWISE_DREG, firstRegister),
					attribute.u32be(NFTA_BITWISE_LEN, expression.mask.byteLength),
					value(NFTA_BITWISE_MASK, expression.mask),
					value(NFTA_BITWISE_XOR, new Uint8Array(expression.mask.byteLength)),
				],
			};
		case "compare":
			return {
				name: "cmp",
				data: [
					attribute.u32be(NFTA_CMP_SREG, firstRegister),
					attribute.u32be(NFTA_CMP_OP, expression.operator === "==" ? 0 : 1),
					value(NFTA_CMP_DATA, expression.bytes),
				],
			};
		case "verdict":
			return {
				name: "immediate",
				data: [
					attribute.u32be(NFTA_IMMEDIATE_DREG, verdictRegister),
					attribute.nested(NFTA_IMMEDIATE_DATA, [
						attribute.nested(NFTA_DATA_VERDICT, [
							attribute.u32be(NFTA_VERDICT_CODE, verdictCodes[expression.verdict]),
							...("chain" in expression ? [attribute.string(NFTA_VERDICT_CHAIN, expression.chain)] : []),
						]),
					]),
				],
			};
		case "masquerade":
			return { name: "masq", data: [] };
		case "other":
			throw new TypeError(`Cannot encode an expression that was only read: "${expression.name}"`);
	}
}

function decodeExpression(name: string, data: ReadonlyMap<number, Uint8Array>): Expression | undefined {
	switch (name) {
		case "meta":
			return decodeMeta(data);
		case "payload":
			return decodePayload(data);
		case "bitwise":
			return { kind: "mask", mask: valueIn(data.get(NFTA_BITWISE_MASK)) };
		case "cmp":
			return decodeCompare(data);
		case "immediate":
			return decodeVerdict(data);
		case "masq":
			return { kind: "masquerade" };
		default:
			return undefined;
	}
}

function decodeMeta(data: ReadonlyMap<number, Uint8Array>): Expression | undefined {
	const number = read.u32be(data.get(NFTA_META_KEY));
	// A `meta` without destination sets a value instead of reading one.
	if (!data.has(NFTA_META_DREG)) return undefined;
	for (const key in metaKeys) if (metaKeys[key as MetaKey] === number) return { kind: "meta", key: key as MetaKey };
	return undefined;
}

function decodePayload(data: ReadonlyMap<number, Uint8Array>): Expression | undefined {
	const base = payloadBases[read.u32be(data.get(NFTA_PAYLOAD_BASE)) ?? -1];
	const offset = read.u32be(data.get(NFTA_PAYLOAD_OFFSET));
	const length = read.u32be(data.get(NFTA_PAYLOAD_LEN));
	if (base === undefined || offset === undefined || length === undefined) return undefined;
	return data.has(NFTA_PAYLOAD_DREG) ? { kind: "payload", base, offset, length } : undefined;
}

function decodeCompare(data: ReadonlyMap<number, Uint8Array>): Expression | undefined {
	const operator = (["==", "!="] as const)[read.u32be(data.get(NFTA_CMP_OP)) ?? -1];
	if (operator === undefined) return undefined;
	return { kind: "compare", operator, bytes: valueIn(data.get(NFTA_CMP_DATA)) };
}

function decodeVerdict(data: ReadonlyMap<number, Uint8Array>): Expression | undefined {
	const verdict = read.nested(read.nested(data.get(NFTA_IMMEDIATE_DATA)).get(NFTA_DATA_VERDICT));
	const code = read.u32be(verdict.get(NFTA_VERDICT_CODE));
	if (code === undefined) return undefined;
	const chain = read.string(verdict.get(NFTA_VERDICT_CHAIN)) ?? "";
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

function value(type: number, bytes: Uint8Array): Attribute {
	return attribute.nested(type, [attribute.bytes(NFTA_DATA_VALUE, bytes)]);
}

function valueIn(payload: Uint8Array | undefined): Uint8Array {
	return read.nested(payload).get(NFTA_DATA_VALUE) ?? new Uint8Array(0);
}
