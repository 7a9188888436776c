/**
 * The types of keys and values of sets and maps: their numbers in `nft`, by which it prints them, and their bytes. `nft`
 * notes the byte order of one that stands alone: 1 for the machine's, in which names count, 2 for that of the network.
 */
const dataTypes = {
	ipv4_addr: { number: 7, length: 4, byteOrder: 2 },
	ipv6_addr: { number: 8, length: 16, byteOrder: 2 },
	ether_addr: { number: 9, length: 6, byteOrder: 1 },
	inet_proto: { number: 12, length: 1, byteOrder: 2 },
	inet_service: { number: 13, length: 2, byteOrder: 2 },
	ifname: { number: 41, length: 16, byteOrder: 1 },
} as const;

export type DataType = keyof typeof dataTypes;

/** `ipv4_addr . inet_proto . inet_service`: one type, or several one behind the other. */
export type DataTypes = readonly DataType[];

/** The number of a concatenation: 6 bits for each of its types. */
export function typeNumber(types: DataTypes): number {
	return types.reduce((number, type) => (number << 6) | dataTypes[type].number, 0);
}

/** What `nft` notes of the order of bytes; 0 for a concatenation. */
export function byteOrderOf(types: DataTypes): number {
	const [type, ...others] = types;
	return type === undefined || others.length > 0 ? 0 : dataTypes[type].byteOrder;
}

/** The bytes of each field; in a concatenation each fills whole registers of 4 bytes. */
export function fieldLengths(types: DataTypes): readonly number[] {
	return types.map((type) => dataTypes[type].length);
}

/** The bytes of a key or value. */
export function byteLength(types: DataTypes): number {
	const lengths = fieldLengths(types);
	return lengths.length === 1 ? (lengths[0] ?? 0) : lengths.reduce((sum, length) => sum + padded(length), 0);
}

/** The fields one behind the other, each padded. */
export function concatenate(fields: readonly Uint8Array[]): Uint8Array {
	if (fields.length === 1 && fields[0] !== undefined) return fields[0];
	const bytes = new Uint8Array(fields.reduce((sum, field) => sum + padded(field.byteLength), 0));
	let offset = 0;
	for (const field of fields) {
		bytes.set(field, offset);
		offset += padded(field.byteLength);
	}
	return bytes;
}

/**
 * The number of the register that is `offset` bytes behind the first: registers of 16 bytes are numbered from 1, those
 * of 4 bytes that share their memory from 8, and `nft` names the larger where either would do.
 */
export function registerAt(offset: number): number {
	return offset % 16 === 0 ? 1 + offset / 16 : 8 + offset / 4;
}

/** The inverse of {@link registerAt}. */
export function offsetOf(register: number): number {
	return register < 8 ? (register - 1) * 16 : (register - 8) * 4;
}

function padded(length: number): number {
	return (length + 3) & ~3;
}
