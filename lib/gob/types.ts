/*
 * gob, the encoding of Go's encoding/gob, as far as net/rpc needs it: structs, slices and the basic types. A stream is a
 * sequence of messages, each led by its length: definitions of types, and values with the number of their type. The sender
 * chooses the numbers; fields are told by their names.
 */

export type GobType = GobBasic | GobSlice | GobStruct;

export type GobBasic = "bool" | "int" | "uint" | "bytes" | "string";

export interface GobSlice {
	readonly kind: "slice";
	/** As Go writes it; nobody reads it. */
	readonly name: string;
	readonly of: GobType;
}

export interface GobStruct {
	readonly kind: "struct";
	readonly name: string;
	readonly fields: Readonly<Record<string, GobType>>;
}

/** Bytes are a Uint8Array, slices an array, structs an object without the fields that are zero. */
export type GobValue = boolean | number | string | Uint8Array | readonly GobValue[] | GobObject;

export interface GobObject {
	readonly [field: string]: GobValue | undefined;
}

/** The numbers of the types that every stream knows. */
export const basicIds: Readonly<Record<GobBasic, number>> = { bool: 1, int: 2, uint: 3, bytes: 5, string: 6 };

/** The first number of a type that a stream defines. */
export const firstOwnId = 64;

/** Bytes that are no gob, or a kind of it that net/rpc has no use for. */
export class GobError extends Error {
	override readonly name = "GobError";
}
