import { decodeAttributeList, type ReceivedAttributes, read } from "../wire/attributes.ts";
import { offsetOf } from "./data-type.ts";
import {
	attributeTypes,
	type ConnectionKey,
	connectionKeys,
	destinationNat,
	type Expression,
	fibAddressType,
	fibDestination,
	type MetaKey,
	metaKeys,
	natFamilies,
	payloadBases,
	verdictRegister,
} from "./expression.ts";
import { decodeVerdict } from "./verdict.ts";

/** Reads the payload of NFTA_RULE_EXPRESSIONS. */
export function decodeExpressions(payload: Uint8Array): readonly Expression[] {
	return decodeAttributeList(payload).map((element) => {
		const attributes = read.nested(element.payload);
		const name = read.string(attributes.get(attributeTypes.expression.name)) ?? "";
		const data = read.nested(attributes.get(attributeTypes.expression.data));
		return decoders[name]?.(data) ?? { kind: "other", name };
	});
}

/** By the kernel's names; what they make of an expression that none of ours is like is undefined. */
const decoders: Readonly<Record<string, (data: ReceivedAttributes) => Expression | undefined>> = {
	meta: decodeMeta,
	payload: decodePayload,
	ct: decodeConnection,
	fib: decodeFib,
	bitwise: (data) => ({ kind: "mask", mask: valueIn(data.get(attributeTypes.bitwise.mask)) }),
	cmp: decodeCompare,
	lookup: decodeLookup,
	immediate: decodeImmediate,
	nat: decodeNat,
	masq: () => ({ kind: "masquerade" }),
};

function decodeMeta(data: ReceivedAttributes): Expression | undefined {
	const number = read.u32be(data.get(attributeTypes.meta.key));
	// A `meta` without destination sets a value instead of reading one.
	const at = placeIn(data.get(attributeTypes.meta.destination));
	if (at === undefined) return undefined;
	for (const key in metaKeys) {
		if (metaKeys[key as MetaKey] === number) return { kind: "meta", key: key as MetaKey, ...at };
	}
	return undefined;
}

function decodePayload(data: ReceivedAttributes): Expression | undefined {
	const types = attributeTypes.payload;
	const base = payloadBases[read.u32be(data.get(types.base)) ?? -1];
	const offset = read.u32be(data.get(types.offset));
	const length = read.u32be(data.get(types.length));
	const at = placeIn(data.get(types.destination));
	if (base === undefined || offset === undefined || length === undefined || at === undefined) return undefined;
	return { kind: "payload", base, offset, length, ...at };
}

function decodeConnection(data: ReceivedAttributes): Expression | undefined {
	const types = attributeTypes.ct;
	if (data.get(types.destination) === undefined) return undefined;
	const number = read.u32be(data.get(types.key));
	for (const key in connectionKeys) {
		if (connectionKeys[key as ConnectionKey] === number) return { kind: "ct", key: key as ConnectionKey };
	}
	return undefined;
}

function decodeFib(data: ReceivedAttributes): Expression | undefined {
	const types = attributeTypes.fib;
	const isKnown =
		read.u32be(data.get(types.result)) === fibAddressType && read.u32be(data.get(types.flags)) === fibDestination;
	return isKnown ? { kind: "fib", key: "daddr type" } : undefined;
}

function decodeCompare(data: ReceivedAttributes): Expression | undefined {
	const types = attributeTypes.compare;
	const operator = (["==", "!="] as const)[read.u32be(data.get(types.operator)) ?? -1];
	return operator === undefined ? undefined : { kind: "compare", operator, bytes: valueIn(data.get(types.data)) };
}

function decodeLookup(data: ReceivedAttributes): Expression | undefined {
	const types = attributeTypes.lookup;
	const set = read.string(data.get(types.set));
	// Flags turn it round.
	if (set === undefined || read.u32be(data.get(types.flags))) return undefined;
	const destination = read.u32be(data.get(types.destination));
	const result = destination === undefined ? "none" : destination === verdictRegister ? "verdict" : "value";
	return { kind: "lookup", set, result };
}

function decodeImmediate(data: ReceivedAttributes): Expression | undefined {
	const types = attributeTypes.immediate;
	const bytes = read.nested(data.get(types.data)).get(attributeTypes.data.value);
	if (bytes !== undefined) return { kind: "load", bytes, ...placeIn(data.get(types.destination)) };
	return decodeVerdict(read.nested(data.get(types.data)).get(attributeTypes.data.verdict));
}

function decodeNat(data: ReceivedAttributes): Expression | undefined {
	const types = attributeTypes.nat;
	if (read.u32be(data.get(types.type)) !== destinationNat) return undefined;
	const family = read.u32be(data.get(types.family)) === natFamilies[4] ? 4 : 6;
	const port = read.u32be(data.get(types.portRegister));
	return port === undefined ? undefined : { kind: "dnat", family, portAt: offsetOf(port) };
}

/** Where in a concatenation the register lies; undefined without one. */
function placeIn(payload: Uint8Array | undefined): { readonly at?: number } | undefined {
	const register = read.u32be(payload);
	if (register === undefined) return undefined;
	const at = offsetOf(register);
	return at === 0 ? {} : { at };
}

function valueIn(payload: Uint8Array | undefined): Uint8Array {
	return read.nested(payload).get(attributeTypes.data.value) ?? new Uint8Array(0);
}
