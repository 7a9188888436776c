import { concatBytes } from "../linux/bytes.ts";
import { encodeUtf8 } from "../linux/utf8.ts";
import { basicIds, firstOwnId, type GobObject, type GobStruct, type GobType, type GobValue } from "./types.ts";

/** One direction of a connection: it remembers which types the other side knows. */
export interface GobEncoder {
	/** The value, behind the definitions that it needs and the other side lacks. */
	encode(type: GobStruct, value: GobObject): Uint8Array;
}

export function createEncoder(): GobEncoder {
	const ids = new Map<GobType, number>();
	const idOf = (type: GobType) => (typeof type === "string" ? basicIds[type] : (ids.get(type) ?? 0));
	/** Numbers the types of a tree that have none yet, and returns them. */
	const introduce = (type: GobType): readonly Exclude<GobType, string>[] => {
		if (typeof type === "string" || ids.has(type)) return [];
		ids.set(type, firstOwnId + ids.size);
		return [type, ...(type.kind === "slice" ? [type.of] : Object.values(type.fields)).flatMap(introduce)];
	};
	return {
		encode(type, value) {
			const definitions = introduce(type).map((own) =>
				message(signed(-idOf(own)), concatBytes(definitionOf(own, idOf))),
			);
			return concatBytes([...definitions, message(signed(idOf(type)), concatBytes(encodeStruct(type, value)))]);
		},
	};
}

function message(id: Uint8Array, content: Uint8Array): Uint8Array {
	return concatBytes([unsigned(id.byteLength + content.byteLength), id, content]);
}

/**
 * `wireType`, of whose fields one is there: 1 for `sliceType`, 2 for `structType`. Both begin with a `CommonType` of name
 * and number; behind it is the number of the elements' type, or a list of fields, each a name and a number.
 */
function definitionOf(type: Exclude<GobType, string>, idOf: (type: GobType) => number): readonly Uint8Array[] {
	const named = (name: string, id: number) => [
		...(name === "" ? [delta(2)] : [delta(1), text(name), delta(1)]),
		signed(id),
		end,
	];
	const common = [delta(1), ...named(type.name, idOf(type))];
	if (type.kind === "slice") return [delta(2), ...common, delta(1), signed(idOf(type.of)), end, end];
	const fields = Object.entries(type.fields);
	const list = fields.flatMap(([name, of]) => named(name, idOf(of)));
	return [delta(3), ...common, ...(fields.length === 0 ? [] : [delta(1), unsigned(fields.length), ...list]), end, end];
}

/** Fields that are zero are left out, but for structs, which Go always sends. */
function encodeStruct({ fields }: GobStruct, value: GobObject): readonly Uint8Array[] {
	const parts: Uint8Array[] = [];
	let previous = -1;
	for (const [index, [name, type]] of Object.entries(fields).entries()) {
		const given = value[name];
		const isStruct = typeof type !== "string" && type.kind === "struct";
		if (!isStruct && (given === undefined || isZero(given))) continue;
		parts.push(unsigned(index - previous), ...encodeValue(type, given ?? {}));
		previous = index;
	}
	return [...parts, end];
}

function isZero(value: GobValue): boolean {
	if (value instanceof Uint8Array || Array.isArray(value)) return value.length === 0;
	return value === 0 || value === "" || value === false;
}

function encodeValue(type: GobType, value: GobValue): readonly Uint8Array[] {
	if (typeof type !== "string") {
		if (type.kind === "struct") return encodeStruct(type, value as GobObject);
		const items = value as readonly GobValue[];
		return [unsigned(items.length), ...items.flatMap((item) => encodeValue(type.of, item))];
	}
	switch (type) {
		case "bool":
			return [unsigned(value === true ? 1 : 0)];
		case "int":
			return [signed(Number(value))];
		case "uint":
			return [unsigned(Number(value))];
		case "string":
			return [text(String(value))];
		case "bytes": {
			const bytes = value as Uint8Array;
			return [unsigned(bytes.byteLength), bytes];
		}
	}
}

const end = new Uint8Array([0]);

/** By how many the next field's number is higher than the last one's; before the first it is -1. */
const delta = (count: number) => unsigned(count);

function text(value: string): Uint8Array {
	const bytes = encodeUtf8(value);
	return concatBytes([unsigned(bytes.byteLength), bytes]);
}

/** Below 128 a byte; else the number of bytes, as if it were negative, and the bytes, the highest first. */
function unsigned(value: number): Uint8Array {
	if (value < 128) return new Uint8Array([value]);
	const bytes: number[] = [];
	for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
	return new Uint8Array([256 - bytes.length, ...bytes]);
}

/** The sign is the lowest bit, and a negative number is inverted. */
function signed(value: number): Uint8Array {
	return unsigned(value < 0 ? -value * 2 - 1 : value * 2);
}
