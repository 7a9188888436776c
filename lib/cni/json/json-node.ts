/** A JSON value with the places of its parts: what `JSON.parse` throws away. Offsets are UTF-16 units into the text. */
export type JsonNode = JsonScalar | JsonList | JsonObject;

export interface JsonScalar {
	readonly kind: "scalar";
	readonly offset: number;
	readonly value: string | number | boolean | null;
}

export interface JsonList {
	readonly kind: "list";
	readonly offset: number;
	readonly items: readonly JsonNode[];
}

/** All members in the order of the text, duplicates included. */
export interface JsonObject {
	readonly kind: "object";
	readonly offset: number;
	readonly members: readonly JsonMember[];
}

export interface JsonMember {
	readonly key: string;
	readonly keyOffset: number;
	readonly value: JsonNode;
}
