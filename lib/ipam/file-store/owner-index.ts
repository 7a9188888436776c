import type { Attachment } from "../../cni/plugin.ts";
import { type IpAddress, parseAddress } from "../../ip/address.ts";
import { inDirectoryOf } from "../../linux/absent.ts";
import { appendFile } from "../../linux/files.ts";
import { namesIn, readText, removeFile, writeBeside } from "./files.ts";
import type { ScannedReservation } from "./reservation.ts";

/**
 * Which addresses a container holds, without reading every reservation: text files of lines `address containerID
 * [ifname]`, 256 of them, by a hash of the container's id. With 60,000 reservations a file has some 15 KiB, and reading
 * it costs what opening it does; made anew from a scan, that is 256 files to write and not 60,000.
 *
 * Whoever reads a line verifies it against the reservation itself.
 */
export interface IndexedAddress {
	/** The name of its reservation file. */
	readonly name: string;
	readonly address: IpAddress;
}

/** The addresses of a container, whatever the interface. */
export function linesOfContainer(directory: string, containerId: string): readonly IndexedAddress[] {
	const text = readText(shardOf(directory, containerId));
	if (text === undefined || !text.includes(` ${containerId}`)) return [];
	return text.split("\n").flatMap((line) => {
		const [name = "", id] = line.split(" ");
		const address = id === containerId ? parseAddress(name) : undefined;
		return address === undefined ? [] : [{ name, address }];
	});
}

export function addLines(
	directory: string,
	{ owner, addresses }: { owner: Attachment; addresses: readonly string[] },
): void {
	const text = addresses.map((address) => lineOf({ address, owner })).join("");
	const path = shardOf(directory, owner.containerId);
	if (text !== "") inDirectoryOf(path, () => appendFile(path, text));
}

export function removeLines(
	directory: string,
	{ containerId, addresses }: { containerId: string; addresses: readonly string[] },
): void {
	const path = shardOf(directory, containerId);
	const kept = (readText(path) ?? "")
		.split("\n")
		.filter((line) => line !== "" && !addresses.includes(line.split(" ", 1)[0] ?? ""));
	if (kept.length === 0) removeFile(path);
	else writeBeside(path, `${kept.join("\n")}\n`);
}

/** Replaces the whole index. */
export function rebuildOwners(directory: string, scanned: readonly ScannedReservation[]): void {
	const shards = new Map<string, string[]>();
	for (const { name, owner } of scanned) {
		// Ids and names with white space in them belong to nobody who could ask: the protocol refuses them.
		if (owner === undefined || owner === "unreadable" || /\s/.test(owner.containerId + owner.ifName)) continue;
		const path = shardOf(directory, owner.containerId);
		const lines = shards.get(path);
		const line = lineOf({ address: name, owner });
		if (lines === undefined) shards.set(path, [line]);
		else lines.push(line);
	}
	for (const name of namesIn(directory)) if (!shards.has(`${directory}/${name}`)) removeFile(`${directory}/${name}`);
	for (const [path, lines] of shards) writeBeside(path, lines.join(""));
}

function lineOf({ address, owner }: { address: string; owner: Attachment }): string {
	return owner.ifName === ""
		? `${address} ${owner.containerId}\n`
		: `${address} ${owner.containerId} ${owner.ifName}\n`;
}

/** By a byte of FNV-1a; the last multiplication spreads the id's last characters over it. */
function shardOf(directory: string, containerId: string): string {
	let hash = 0x811c9dc5;
	for (let i = 0; i < containerId.length; i++) hash = Math.imul(hash ^ containerId.charCodeAt(i), 0x01000193);
	const mixed = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
	return `${directory}/${(mixed >>> 24).toString(16).padStart(2, "0")}`;
}
