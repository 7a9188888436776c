import type { IpAddress } from "../../ip/address.ts";

/** Both ends included, of one family. */
export interface AddressSpan {
	readonly first: IpAddress;
	readonly last: IpAddress;
}

/** `4-0a010002`: hexadecimal digits of one length, so that the order of the names is that of the addresses. */
export function addressName({ family, value }: IpAddress): string {
	return `${family}-${value.toString(16).padStart(digitsOf(family), "0")}`;
}

/** The address in the last part of a key: that of an {@link addressName}, or of the name of a block. */
export function addressOfKey(key: string): IpAddress | undefined {
	const parts = /(?:^|\/)([46])-([0-9a-f]+)(?:-\d+)?$/.exec(key);
	const family = parts?.[1] === "4" ? 4 : 6;
	const digits = parts?.[2] ?? "";
	return digits.length === digitsOf(family) ? { family, value: BigInt(`0x${digits}`) } : undefined;
}

function digitsOf(family: IpAddress["family"]): number {
	return family === 4 ? 8 : 32;
}
