import { sha512Hex } from "../cni/sha512.ts";

const keyDigits = 32;

/**
 * What stands for a group in the kernel: 128 bits of a hash of its name, in hexadecimal. Names are any text, and never
 * get there. A hash has not to be handed out, remembered or collected, so there is nothing to race for: whoever says
 * the same name means the same group, and nobody finds another name for it.
 */
export function groupKey(name: string): string {
	return sha512Hex(`group:${name}`, keyDigits);
}

/** The group of those that are in none, where their network's default is open. No name leads to it. */
export function openGroupKey(): string {
	return sha512Hex("open", keyDigits);
}

/** What stands for a set of groups: interfaces in the very same groups are of one class. */
export function classKey(groupKeys: readonly string[]): string {
	return sha512Hex([...groupKeys].sort().join(), keyDigits);
}
