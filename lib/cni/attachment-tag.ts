import { decodeUtf8, encodeUtf8 } from "../linux/utf8.ts";
import { sha512Hex } from "./sha512.ts";

/** One interface of one container on one network. */
export interface NetworkAttachment {
	readonly network: string;
	readonly containerId: string;
	readonly ifName: string;
}

/** The longest comment that `nft` accepts, in bytes. */
const maximumLength = 128;

/**
 * Says whose something in the kernel is: `<H(network)>-<H(ifName:containerId)>, net: …, if: …, id: …`. The comment of
 * the masquerade rules of either suite. The hashes, which are never cut off, are what owners are told by; the rest is
 * for people.
 */
export function attachmentTag(attachment: NetworkAttachment): string {
	const [network, ifName, containerId] = [attachment.network, attachment.ifName, attachment.containerId].map((text) =>
		text.replaceAll('"', ""),
	);
	const text = `${attachmentPrefix(attachment)}, net: ${network}, if: ${ifName}, id: ${containerId}`;
	if (text.length <= maximumLength && isAscii(text)) return text;
	const bytes = encodeUtf8(text).subarray(0, maximumLength);
	return decodeUtf8(bytes).replace(/\ufffd+$/, "");
}

/** The readable part of a tag, for messages; `somebody else` for the comment of anybody else. */
export function describeTag(tag: string): string {
	const match = /^[0-9a-f]{16}-[0-9a-f]{16}, (net: .*)$/.exec(tag);
	return match?.[1] === undefined ? "somebody else" : `the attachment "${match[1]}"`;
}

/** Whose a tag is, as far as it tells; undefined for the comment of anybody else. */
export function parseTag(tag: string): TagOwner | undefined {
	const match = /^([0-9a-f]{16}-[0-9a-f]{16})(?:, net: (.*), if: (\S*), id: (.*))?/.exec(tag);
	const [, prefix, network, ifName, containerId] = match ?? [];
	if (prefix === undefined) return undefined;
	if (network === undefined || ifName === undefined || containerId === undefined) return { prefix };
	const attachment = { network, ifName, containerId };
	// What was cut off, or forged, gives other hashes.
	return attachmentPrefix(attachment) === prefix ? { prefix, attachment } : { prefix };
}

export interface TagOwner {
	/** {@link attachmentPrefix} of the attachment. */
	readonly prefix: string;
	/** Undefined where the readable part is not whole. */
	readonly attachment?: NetworkAttachment;
}

/** What the tags of this attachment, and of no other, begin with. */
export function attachmentPrefix({ network, ifName, containerId }: NetworkAttachment): string {
	return `${networkPrefix(network)}-${shortHash(`${ifName}:${containerId}`)}`;
}

/** What the tags of all attachments of the network begin with. */
export function networkPrefix(network: string): string {
	return shortHash(network);
}

function shortHash(text: string): string {
	return sha512Hex(text, 16);
}

function isAscii(text: string): boolean {
	for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 127) return false;
	return true;
}
