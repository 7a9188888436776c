import { decodeUtf8 } from "../linux/utf8.ts";
import { basicIds, GobError, type GobObject, type GobValue } from "./types.ts";

/** One direction of a connection: takes bytes as they come, gives values as they are complete. */
export interface GobDecoder {
	push(bytes: Uint8Array): void;
	/** The next value, or undefined until more has come. @throws GobError */
	next(): GobObject | undefined;
}

/** A list of the valid attachments of a host is the longest that there is: 10 MB for 100,000. */
const maximumBytes = 64 * 1024 * 1024;

export function createDecoder(): GobDecoder {
	let pending = new Uint8Array(0);
	const types = new Map<number, Definition>();
	const takeMessage = () => {
		const cursor = new Cursor(pending);
		const length = cursor.lengthIfComplete();
		if (length === undefined || pending.byteLength < cursor.offset + length) return undefined;
		const content = pending.subarray(cursor.offset, cursor.offset + length);
		pending = pending.slice(cursor.offset + length);
		return new Cursor(content);
	};
	return {
		push(bytes) {
			const joined = new Uint8Array(pending.byteLength + bytes.byteLength);
			joined.set(pending);
			joined.set(bytes, pending.byteLength);
			pending = joined;
		},
		next() {
			for (let message = takeMessage(); message !== undefined; message = takeMessage()) {
				const id = message.signed();
				if (id < 0) {
					types.set(-id, definitionOf(message));
					continue;
				}
				const definition = types.get(id);
				if (definition?.kind !== "struct") throw new GobError(`a value of type ${id}, which is no struct`);
				return structOf(message, { definition, types, depth: 0 });
			}
			return undefined;
		},
	};
}

type Definition =
	| { readonly kind: "slice"; readonly of: number }
	| { readonly kind: "struct"; readonly fields: readonly { readonly name: string; readonly id: number }[] };

/** `wireType`: see the encoder. */
function definitionOf(cursor: Cursor): Definition {
	let definition: Definition | undefined;
	fieldsOf(cursor, (kind) => {
		// 0 is an array, whose length is repeated before its elements: as a value, the same as a slice.
		if (kind === 0 || kind === 1) definition = { kind: "slice", of: sliceOf(cursor) };
		else if (kind === 2) definition = { kind: "struct", fields: structFieldsOf(cursor) };
		else throw new GobError(`a type of kind ${kind}, which net/rpc has no use for`);
	});
	if (definition === undefined) throw new GobError("a definition of nothing");
	return definition;
}

function sliceOf(cursor: Cursor): number {
	let of = 0;
	fieldsOf(cursor, (field) => {
		if (field === 0) namedOf(cursor);
		else if (field === 1) of = cursor.signed();
		else cursor.signed();
	});
	return of;
}

function structFieldsOf(cursor: Cursor): readonly { name: string; id: number }[] {
	const fields: { name: string; id: number }[] = [];
	fieldsOf(cursor, (field) => {
		if (field === 0) namedOf(cursor);
		else for (let count = cursor.count(); count > 0; count--) fields.push(namedOf(cursor));
	});
	return fields;
}

function namedOf(cursor: Cursor): { name: string; id: number } {
	let name = "";
	let id = 0;
	fieldsOf(cursor, (field) => {
		if (field === 0) name = decodeUtf8(cursor.bytes());
		else id = cursor.signed();
	});
	return { name, id };
}

/** Calls `read` with the number of each field that is there, until the end of the struct. */
function fieldsOf(cursor: Cursor, read: (field: number) => void): void {
	let field = -1;
	for (let delta = cursor.unsigned(); delta !== 0; delta = cursor.unsigned()) {
		field += delta;
		read(field);
	}
}

interface Context {
	readonly types: ReadonlyMap<number, Definition>;
	readonly depth: number;
}

/** No value of ours has more levels; one without end would exhaust the stack. */
const maximumDepth = 16;

function structOf(
	cursor: Cursor,
	{ definition, types, depth }: Context & { readonly definition: Extract<Definition, { kind: "struct" }> },
): GobObject {
	// Without a prototype: names come from the other side.
	const value: Record<string, GobValue> = Object.create(null);
	fieldsOf(cursor, (index) => {
		const field = definition.fields[index];
		if (field === undefined) throw new GobError(`a field ${index} that the type lacks`);
		value[field.name] = readValue(cursor, field.id, { types, depth: depth + 1 });
	});
	return value;
}

function readValue(cursor: Cursor, id: number, { types, depth }: Context): GobValue {
	if (depth > maximumDepth) throw new GobError("a value of too many levels");
	switch (id) {
		case basicIds.bool:
			return cursor.unsigned() !== 0;
		case basicIds.int:
			return cursor.signed();
		case basicIds.uint:
			return cursor.unsigned();
		case basicIds.bytes:
			return cursor.bytes().slice();
		case basicIds.string:
			return decodeUtf8(cursor.bytes());
		default: {
			const definition = types.get(id);
			if (definition === undefined) throw new GobError(`a value of type ${id}, which is not defined`);
			if (definition.kind === "struct") return structOf(cursor, { definition, types, depth });
			const items: GobValue[] = [];
			for (let count = cursor.count(); count > 0; count--)
				items.push(readValue(cursor, definition.of, { types, depth: depth + 1 }));
			return items;
		}
	}
}

class Cursor {
	readonly #bytes: Uint8Array;
	offset = 0;

	constructor(bytes: Uint8Array) {
		this.#bytes = bytes;
	}

	/** The number that leads a message, or undefined where not all of it is there. */
	lengthIfComplete(): number | undefined {
		const first = this.#bytes[0];
		if (first === undefined || (first >= 128 && this.#bytes.byteLength < 1 + 256 - first)) return undefined;
		const length = this.unsigned();
		if (length > maximumBytes) throw new GobError(`a message of ${length} bytes`);
		return length;
	}

	unsigned(): number {
		const first = this.#byte();
		if (first < 128) return first;
		const count = 256 - first;
		if (count > 8) throw new GobError("a number of more than 8 bytes");
		let value = 0;
		for (let i = 0; i < count; i++) value = value * 256 + this.#byte();
		return value;
	}

	signed(): number {
		const value = this.unsigned();
		return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
	}

	/** How many elements follow, each of a byte at least. */
	count(): number {
		const count = this.unsigned();
		if (count > this.#bytes.byteLength - this.offset) throw new GobError(`${count} elements in fewer bytes`);
		return count;
	}

	bytes(): Uint8Array {
		const length = this.count();
		this.offset += length;
		return this.#bytes.subarray(this.offset - length, this.offset);
	}

	#byte(): number {
		const byte = this.#bytes[this.offset++];
		if (byte === undefined) throw new GobError("a message that ends too early");
		return byte;
	}
}
