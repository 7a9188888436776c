import { formatAddress, type IpAddress, parseAddress } from "../../ip/address.ts";
import { inDirectoryOf } from "../../linux/absent.ts";
import { appendFile, rename } from "../../linux/files.ts";
import { readText, removeFile, writeBeside } from "./files.ts";
import type { Layout } from "./layout.ts";

/** An address that was released and rests. */
export interface CoolingAddress {
	readonly address: IpAddress;
	/** Milliseconds since the epoch. */
	readonly releasedAt: number;
}

/**
 * Addresses that rest after release, in the order of release: text files of lines `milliseconds address`. The current
 * file becomes the previous one when its first line has rested long enough; what was in the previous one before has
 * rested longer than that. So the two hold what was released in the last two cooldowns at most, and no call sorts out
 * more lines than calls before it wrote.
 *
 * A line is a hint: an address that was reserved since is found taken when it is tried.
 *
 * Returns the addresses whose rest is over by that.
 */
export function addCooling(
	layout: Layout,
	{ entries, cooldownMs }: { entries: readonly CoolingAddress[]; cooldownMs: number },
): readonly IpAddress[] {
	const [first] = entries;
	if (first === undefined) return [];
	const current = readText(layout.cooling) ?? "";
	const oldest = Number.parseInt(current, 10);
	const rotates = first.releasedAt - oldest >= cooldownMs;
	const rested = rotates ? restedIn(readText(layout.coolingPrevious) ?? "", current) : [];
	if (rotates) rename(layout.cooling, layout.coolingPrevious);
	inDirectoryOf(layout.cooling, () => appendFile(layout.cooling, formatLog(entries)));
	return rested;
}

/** Every address that rests or has rested, the one released longest ago first. */
export function coolingAddresses(layout: Layout): readonly CoolingAddress[] {
	const latest = new Map<string, CoolingAddress>();
	for (const entry of parseLog((readText(layout.coolingPrevious) ?? "") + (readText(layout.cooling) ?? ""))) {
		latest.set(formatAddress(entry.address), entry);
	}
	return [...latest.values()].sort((a, b) => a.releasedAt - b.releasedAt);
}

/** Replaces both logs. */
export function writeCooling(layout: Layout, entries: readonly CoolingAddress[]): void {
	removeFile(layout.coolingPrevious);
	writeBeside(layout.cooling, formatLog(entries));
}

export function forgetCooling(layout: Layout): void {
	removeFile(layout.cooling);
	removeFile(layout.coolingPrevious);
}

function restedIn(previous: string, current: string): readonly IpAddress[] {
	const again = new Set(parseLog(current).map(({ address }) => formatAddress(address)));
	return parseLog(previous).flatMap(({ address }) => (again.has(formatAddress(address)) ? [] : [address]));
}

function formatLog(entries: readonly CoolingAddress[]): string {
	return entries.map(({ releasedAt, address }) => `${releasedAt} ${formatAddress(address)}\n`).join("");
}

function parseLog(text: string): readonly CoolingAddress[] {
	return text.split("\n").flatMap((line) => {
		const [time = "", addressText = ""] = line.split(" ");
		const address = parseAddress(addressText);
		return address === undefined ? [] : [{ address, releasedAt: Number(time) || 0 }];
	});
}
