import { type Attribute, attribute, createMemory, decodeAttributeList, nestedFlag, read } from "../wire/attributes.ts";
import { type Message, NLM_F_CREATE, type ReceivedMessage } from "../wire/message.ts";
import type { NetlinkSocket } from "../wire/socket.ts";
import { dumpIfThere } from "./dump-if-there.ts";
import { findAll } from "./find-all.ts";
import {
	NFT_MSG_DELSETELEM,
	NFT_MSG_GETSETELEM,
	NFT_MSG_NEWSETELEM,
	nftAttributes,
	nftMessage,
	type SetName,
	tableAttribute,
} from "./message.ts";
import { decodeComment, encodeComment } from "./user-data.ts";
import { decodeVerdict, encodeVerdict, type Verdict } from "./verdict.ts";

const NFTA_SET_ELEM_LIST_SET = 2;
const NFTA_SET_ELEM_LIST_ELEMENTS = 3;
const NFTA_SET_ELEM_KEY = 1;
const NFTA_SET_ELEM_DATA = 2;
const NFTA_SET_ELEM_USERDATA = 6;
const NFTA_DATA_VALUE = 1;
const NFTA_DATA_VERDICT = 2;

/** An element of a set or a map. */
export interface SetElement {
	/** Fields in network byte order, one behind the other (`concatenate`). */
	readonly key: Uint8Array;
	/** Of a map. */
	readonly value?: Uint8Array | Verdict | undefined;
	readonly comment?: string;
}

/** A message has to stay below 64 KiB, as the attribute that its elements lie in. */
const elementsInMessage = 100;

/** `nft add element FAMILY TABLE SET { KEY comment "…" : VALUE, … }`; the same once more is no change. */
export function addElements(set: SetName, elements: readonly SetElement[]): readonly Message[] {
	return inMessages(elements, (some) =>
		elementMessage(NFT_MSG_NEWSETELEM, { set, elements: some, flags: NLM_F_CREATE }),
	);
}

/** `nft delete element FAMILY TABLE SET { KEY, … }`; one that is not there makes the batch fail (ENOENT). */
export function deleteElements(set: SetName, keys: readonly Uint8Array[]): readonly Message[] {
	return inMessages(keys, (some) =>
		elementMessage(NFT_MSG_DELSETELEM, { set, elements: some.map((key) => ({ key })) }),
	);
}

/** A key in a set. */
export interface ElementName {
	readonly set: SetName;
	readonly key: Uint8Array;
}

/**
 * Looks each key up in its set: `nft get element FAMILY TABLE SET { KEY }`. It costs the same however many elements
 * there are.
 *
 * @returns an element, or undefined where there is none, or no such set, for each name
 * @throws NetlinkError
 */
export function findElements(
	socket: NetlinkSocket,
	names: readonly ElementName[],
): readonly (SetElement | undefined)[] {
	const requests = names.map(({ set, key }) => elementMessage(NFT_MSG_GETSETELEM, { set, elements: [{ key }] }));
	return findAll(socket, requests).map((answer) => (answer === undefined ? undefined : decodeElements(answer)[0]));
}

/** All elements; none when the set does not exist. `nft list set FAMILY TABLE SET` @throws NetlinkError */
export function listElements(socket: NetlinkSocket, set: SetName): readonly SetElement[] {
	return dumpIfThere(socket, elementMessage(NFT_MSG_GETSETELEM, { set })).flatMap(decodeElements);
}

function inMessages<T>(items: readonly T[], message: (some: readonly T[]) => Message): readonly Message[] {
	const messages: Message[] = [];
	for (let start = 0; start < items.length; start += elementsInMessage) {
		messages.push(message(items.slice(start, start + elementsInMessage)));
	}
	return messages;
}

interface ElementMessage {
	readonly set: SetName;
	/** None asks for all of them. */
	readonly elements?: readonly SetElement[];
	readonly flags?: number;
}

function elementMessage(type: number, { set: { family, table, set }, elements, flags = 0 }: ElementMessage): Message {
	return nftMessage(type, {
		family,
		flags,
		attributes: [
			tableAttribute(table),
			attribute.string(NFTA_SET_ELEM_LIST_SET, set),
			...(elements === undefined
				? []
				: [
						attribute.nested(
							NFTA_SET_ELEM_LIST_ELEMENTS,
							elements.map((element, index) => elementAttribute(index + 1, element)),
						),
					]),
		],
	});
}

function elementAttribute(type: number, { key, value, comment }: SetElement): Attribute {
	if (value === undefined) return attribute.nestedBytes(type, plainElement(key, comment));
	return attribute.nested(type, [
		attribute.nested(NFTA_SET_ELEM_KEY, [attribute.bytes(NFTA_DATA_VALUE, key)]),
		attribute.nested(NFTA_SET_ELEM_DATA, [valueAttribute(value)]),
		...(comment === undefined ? [] : [attribute.bytes(NFTA_SET_ELEM_USERDATA, encodeComment(comment))]),
	]);
}

/** Key and comment: what most elements have, of which an ADD sends dozens. Written out, it takes a third of the time. */
function plainElement(key: Uint8Array, comment: string | undefined): Uint8Array {
	const userData = comment === undefined ? undefined : encodeComment(comment);
	const end = 8 + padded(key.byteLength);
	const { bytes, words } = createMemory(userData === undefined ? end : end + 4 + padded(userData.byteLength));
	words[0] = end | ((NFTA_SET_ELEM_KEY | nestedFlag) << 16);
	words[1] = (4 + key.byteLength) | (NFTA_DATA_VALUE << 16);
	bytes.set(key, 8);
	if (userData !== undefined) {
		words[end >> 2] = (4 + userData.byteLength) | (NFTA_SET_ELEM_USERDATA << 16);
		bytes.set(userData, end + 4);
	}
	return bytes;
}

function padded(length: number): number {
	return (length + 3) & ~3;
}

function valueAttribute(value: Uint8Array | Verdict): Attribute {
	return value instanceof Uint8Array
		? attribute.bytes(NFTA_DATA_VALUE, value)
		: attribute.nested(NFTA_DATA_VERDICT, encodeVerdict(value));
}

function decodeElements(message: ReceivedMessage): readonly SetElement[] {
	const elements = nftAttributes(message).get(NFTA_SET_ELEM_LIST_ELEMENTS);
	return elements === undefined ? [] : decodeAttributeList(elements).map(({ payload }) => decodeElement(payload));
}

function decodeElement(payload: Uint8Array): SetElement {
	const attributes = read.nested(payload);
	const data = read.nested(attributes.get(NFTA_SET_ELEM_DATA));
	const verdict = data.get(NFTA_DATA_VERDICT);
	return {
		key: read.nested(attributes.get(NFTA_SET_ELEM_KEY)).get(NFTA_DATA_VALUE) ?? new Uint8Array(0),
		value: verdict === undefined ? data.get(NFTA_DATA_VALUE) : decodeVerdict(verdict),
		comment: decodeComment(attributes.get(NFTA_SET_ELEM_USERDATA)),
	};
}
