import type { Family } from "../../ip/address.ts";
import { sameBytes } from "../../linux/same-bytes.ts";
import { type Attribute, attribute } from "../wire/attributes.ts";
import { registerAt } from "./data-type.ts";
import { encodeVerdict, type Verdict } from "./verdict.ts";

/**
 * The steps that a rule consists of, as `nft --debug=netlink list ruleset` shows them. They work on the first register;
 * where the fields of a concatenation are loaded, `at` says how many bytes behind its start (absent: 0).
 */
export type Expression =
	| { readonly kind: "meta"; readonly key: MetaKey; readonly at?: number }
	| {
			readonly kind: "payload";
			readonly base: PayloadBase;
			readonly offset: number;
			readonly length: number;
			readonly at?: number;
	  }
	/** Of the connection that the packet belongs to. */
	| { readonly kind: "ct"; readonly key: ConnectionKey }
	/** `fib daddr type`: whether the destination is local, a broadcast address … */
	| { readonly kind: "fib"; readonly key: "daddr type" }
	/** Bytes as they are, such as the address of `dnat to`. */
	| { readonly kind: "load"; readonly bytes: Uint8Array; readonly at?: number }
	/** `register & mask`. */
	| { readonly kind: "mask"; readonly mask: Uint8Array }
	/** Ends the rule unless the register is (not) equal to the bytes. */
	| { readonly kind: "compare"; readonly operator: "==" | "!="; readonly bytes: Uint8Array }
	/** Ends the rule unless the register is in the set; of a map, takes the value into the register, or as verdict. */
	| { readonly kind: "lookup"; readonly set: string; readonly result: "none" | "value" | "verdict" }
	| Verdict
	/** To the address in the register, and the port that stands so many bytes behind it. */
	| { readonly kind: "dnat"; readonly family: Family; readonly portAt: number }
	| { readonly kind: "masquerade" }
	/** Read only: one whose content nobody here asks for (`counter`, extensions of iptables). */
	| { readonly kind: "other"; readonly name: string };

/** Numbers of NFT_META_*. */
export const metaKeys = {
	protocol: 1,
	iifname: 6,
	oifname: 7,
	iiftype: 8,
	nfproto: 15,
	l4proto: 16,
	pkttype: 19,
	iifkind: 26,
	oifkind: 27,
} as const;
export type MetaKey = keyof typeof metaKeys;

/** Numbers of NFT_CT_*. */
export const connectionKeys = { state: 0, status: 2 } as const;
export type ConnectionKey = keyof typeof connectionKeys;

/** NFT_PAYLOAD_*: the header that an offset counts from, in the order of their numbers. */
export const payloadBases = ["link", "network", "transport"] as const;
export type PayloadBase = (typeof payloadBases)[number];

/** Attributes of each expression, NFTA_*. */
export const attributeTypes = {
	meta: { destination: 1, key: 2 },
	payload: { destination: 1, base: 2, offset: 3, length: 4 },
	ct: { destination: 1, key: 2 },
	fib: { destination: 1, result: 2, flags: 3 },
	bitwise: { source: 1, destination: 2, length: 3, mask: 4, xor: 5 },
	compare: { source: 1, operator: 2, data: 3 },
	lookup: { set: 1, source: 2, destination: 3, flags: 5 },
	immediate: { destination: 1, data: 2 },
	nat: { type: 1, family: 2, addressRegister: 3, portRegister: 5 },
	data: { value: 1, verdict: 2 },
	expression: { name: 1, data: 2 },
} as const;

export const fibAddressType = 3;
export const fibDestination = 2;
export const destinationNat = 1;
export const natFamilies = { 4: 2, 6: 10 } as const;
export const verdictRegister = 0;
const firstRegister = 1;
const NFTA_LIST_ELEM = 1;

/** The members of NFTA_RULE_EXPRESSIONS, as `nft` sends them. */
export function encodeExpressions(expressions: readonly Expression[]): readonly Attribute[] {
	return expressions.map((expression) => {
		const { name, data } = encodeExpression(expression);
		const { expression: types } = attributeTypes;
		return attribute.nested(NFTA_LIST_ELEM, [attribute.string(types.name, name), attribute.nested(types.data, data)]);
	});
}

/** Whether two rules do the same; counters and other steps that decide nothing are left out by the caller. */
export function sameExpressions(a: readonly Expression[], b: readonly Expression[]): boolean {
	if (a.length !== b.length) return false;
	for (let index = 0; index < a.length; index++) if (!sameExpression(a[index], b[index])) return false;
	return true;
}

function sameExpression(a: Expression | undefined, b: Expression | undefined): boolean {
	// Of what was only read, the content is unknown.
	if (a === undefined || b === undefined || a.kind !== b.kind || a.kind === "other") return false;
	const [ofA, ofB] = [a as Readonly<Record<string, unknown>>, b as Readonly<Record<string, unknown>>];
	for (const key in ofA) if (!sameValue(ofA[key], ofB[key])) return false;
	for (const key in ofB) if (!(key in ofA) && ofB[key] !== undefined) return false;
	return true;
}

function sameValue(a: unknown, b: unknown): boolean {
	if (!(a instanceof Uint8Array && b instanceof Uint8Array)) return a === b;
	return sameBytes(a, b);
}

function encodeExpression(expression: Expression): { name: string; data: readonly Attribute[] } {
	const { u32be, string, nested } = attribute;
	switch (expression.kind) {
		case "meta": {
			const types = attributeTypes.meta;
			return {
				name: "meta",
				data: [u32be(types.key, metaKeys[expression.key]), u32be(types.destination, registerAt(expression.at ?? 0))],
			};
		}
		case "payload": {
			const types = attributeTypes.payload;
			return {
				name: "payload",
				data: [
					u32be(types.destination, registerAt(expression.at ?? 0)),
					u32be(types.base, payloadBases.indexOf(expression.base)),
					u32be(types.offset, expression.offset),
					u32be(types.length, expression.length),
				],
			};
		}
		case "ct": {
			const types = attributeTypes.ct;
			const { [expression.key]: key } = connectionKeys;
			return { name: "ct", data: [u32be(types.key, key), u32be(types.destination, firstRegister)] };
		}
		case "fib": {
			const types = attributeTypes.fib;
			return {
				name: "fib",
				data: [
					u32be(types.flags, fibDestination),
					u32be(types.result, fibAddressType),
					u32be(types.destination, firstRegister),
				],
			};
		}
		case "mask": {
			const types = attributeTypes.bitwise;
			return {
				name: "bitwise",
				data: [
					u32be(types.source, firstRegister),
					u32be(types.destination, firstRegister),
					u32be(types.length, expression.mask.byteLength),
					value(types.mask, expression.mask),
					value(types.xor, new Uint8Array(expression.mask.byteLength)),
				],
			};
		}
		case "compare": {
			const types = attributeTypes.compare;
			return {
				name: "cmp",
				data: [
					u32be(types.source, firstRegister),
					u32be(types.operator, expression.operator === "==" ? 0 : 1),
					value(types.data, expression.bytes),
				],
			};
		}
		case "lookup": {
			const types = attributeTypes.lookup;
			const { result } = expression;
			return {
				name: "lookup",
				data: [
					u32be(types.source, firstRegister),
					...(result === "none"
						? []
						: [u32be(types.destination, result === "value" ? firstRegister : verdictRegister)]),
					string(types.set, expression.set),
				],
			};
		}
		case "load": {
			const types = attributeTypes.immediate;
			return {
				name: "immediate",
				data: [u32be(types.destination, registerAt(expression.at ?? 0)), value(types.data, expression.bytes)],
			};
		}
		case "verdict": {
			const types = attributeTypes.immediate;
			return {
				name: "immediate",
				data: [
					u32be(types.destination, verdictRegister),
					nested(types.data, [nested(attributeTypes.data.verdict, encodeVerdict(expression))]),
				],
			};
		}
		case "dnat": {
			const types = attributeTypes.nat;
			return {
				name: "nat",
				data: [
					u32be(types.type, destinationNat),
					u32be(types.family, natFamilies[expression.family]),
					u32be(types.addressRegister, firstRegister),
					u32be(types.portRegister, registerAt(expression.portAt)),
				],
			};
		}
		case "masquerade":
			return { name: "masq", data: [] };
		case "other":
			throw new TypeError(`Cannot encode an expression that was only read: "${expression.name}"`);
	}
}

function value(type: number, bytes: Uint8Array): Attribute {
	return attribute.nested(type, [attribute.bytes(attributeTypes.data.value, bytes)]);
}
