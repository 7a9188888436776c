import type { Attachment } from "../../cni/plugin.ts";
import { formatAddress, type IpAddress, parseAddress } from "../../ip/address.ts";
import { readText as readExistingText } from "../../linux/files.ts";
import { namesIn, readText } from "./files.ts";

/** The bytes of a reservation file. */
export function reservationText({ containerId, ifName }: Attachment): string {
	return `${containerId.trim()}\r\n${ifName}`;
}

/**
 * The owner in a reservation file; `ifName` is empty in the format of older releases, which hold the container's id
 * alone. Undefined for an empty file: a crash, see layout.ts. After a power failure, some file systems give zeros for
 * what was not written in time.
 */
export function parseReservation(text: string): Attachment | undefined {
	const content = text.replaceAll("\0", "").trim();
	if (content === "") return undefined;
	const separator = content.indexOf("\r\n");
	if (separator < 0) return { containerId: content, ifName: "" };
	return { containerId: content.slice(0, separator), ifName: content.slice(separator + 2) };
}

/** Owner of the address as its file says now, or undefined when it is free. */
export function holderOf(directory: string, address: string): Attachment | undefined {
	const text = readText(`${directory}/${address}`);
	return text === undefined ? undefined : parseReservation(text);
}

/** The address that a file of this name reserves; undefined for other files, and for addresses not in canonical form. */
export function addressOfName(name: string): IpAddress | undefined {
	// lock and last_reserved_ip.N, which are in every directory
	if (name.startsWith("l")) return undefined;
	const address = parseAddress(name);
	return address !== undefined && formatAddress(address) === name ? address : undefined;
}

export interface ScannedReservation {
	readonly name: string;
	readonly address: IpAddress;
	/** Undefined for an empty file. "unreadable" counts as taken, by nobody who could ask. */
	readonly owner: Attachment | "unreadable" | undefined;
}

/** Reads every reservation: the truth, at the price of a system call or three for each. */
export function scanReservations(directory: string): readonly ScannedReservation[] {
	const scanned: ScannedReservation[] = [];
	for (const name of namesIn(directory)) {
		const address = addressOfName(name);
		if (address !== undefined) scanned.push({ name, address, owner: readOwner(`${directory}/${name}`) });
	}
	return scanned;
}

function readOwner(path: string): ScannedReservation["owner"] {
	try {
		return parseReservation(readExistingText(path));
	} catch {
		return "unreadable";
	}
}
