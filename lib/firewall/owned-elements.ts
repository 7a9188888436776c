import { attachmentPrefix, type NetworkAttachment } from "../cni/attachment-tag.ts";
import { sameBytes } from "../linux/same-bytes.ts";
import {
	addElements,
	deleteElements,
	type ElementName,
	findElements,
	type SetElement,
} from "../netlink/nftables/element.ts";
import type { SetName } from "../netlink/nftables/message.ts";
import type { Message } from "../netlink/wire/message.ts";
import type { NetlinkSocket } from "../netlink/wire/socket.ts";

/*
 * Elements of sets and maps whose comment is the tag of the attachment that they are of.
 */

/** An element and the set that it is in. */
export type PlacedElement = ElementName & SetElement;

/** What there is in these places. @throws NetlinkError */
export function foundAt(socket: NetlinkSocket, places: readonly ElementName[]): readonly PlacedElement[] {
	const found = findElements(socket, places);
	return places.flatMap(({ set, key }, index) => {
		const element = found[index];
		return element === undefined ? [] : [{ ...element, set, key }];
	});
}

/** One message for each set. */
export function additionsOf(elements: readonly PlacedElement[]): readonly Message[] {
	return bySet(elements).flatMap(({ set, elements: some }) => addElements(set, some));
}

/** One message for each set. */
export function deletionsOf(elements: readonly ElementName[]): readonly Message[] {
	return bySet(elements).flatMap(({ set, elements: some }) =>
		deleteElements(
			set,
			some.map(({ key }) => key),
		),
	);
}

/** What {@link attachmentPrefix} gives for the owner: the two hashes of its tag, and the hyphen between them. */
export function ownerOf({ comment = "" }: SetElement): string {
	return comment.slice(0, 33);
}

export function isOwnedBy({ comment }: SetElement, attachment: NetworkAttachment): boolean {
	return comment?.startsWith(attachmentPrefix(attachment)) ?? false;
}

/** Whether both have the same value and the same owner; their keys, and the words of comments, are not looked at. */
export function isSameElement(a: SetElement, b: SetElement): boolean {
	return ownerOf(a) === ownerOf(b) && sameValue(a.value, b.value);
}

function sameValue(a: SetElement["value"], b: SetElement["value"]): boolean {
	if (a instanceof Uint8Array && b instanceof Uint8Array) return sameBytes(a, b);
	if (a === undefined || b === undefined || a instanceof Uint8Array || b instanceof Uint8Array) return a === b;
	return a.verdict === b.verdict && ("chain" in a ? a.chain : "") === ("chain" in b ? b.chain : "");
}

function bySet<T extends ElementName>(elements: readonly T[]): readonly { set: SetName; elements: T[] }[] {
	const sets = new Map<string, { set: SetName; elements: T[] }>();
	for (const element of elements) {
		const name = `${element.set.family} ${element.set.table} ${element.set.set}`;
		const together = sets.get(name) ?? { set: element.set, elements: [] };
		together.elements.push(element);
		sets.set(name, together);
	}
	return [...sets.values()];
}
