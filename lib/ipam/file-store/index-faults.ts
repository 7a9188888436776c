import { unlessAbsent } from "../../linux/absent.ts";
import { lockFile } from "../../linux/file-lock.ts";
import { namesIn, readText, removeFile } from "./files.ts";
import { openStamp } from "./freshness.ts";
import type { Layout } from "./layout.ts";
import { scanReservations } from "./reservation.ts";

/**
 * Where the index of owners says something else than the reservations, although its stamp says that it fits: one sentence
 * each. An index whose stamp does not fit is no fault: the next call makes it anew. Looks under the network's lock.
 *
 * @throws SystemError
 */
export function indexFaults(layout: Layout): readonly string[] {
	using held = unlessAbsent(() => lockFile(layout.lock));
	if (held === undefined || !openStamp(layout).fits()) return [];
	const indexed = new Map<string, string[]>();
	for (const shard of namesIn(layout.owners)) {
		for (const line of (readText(`${layout.owners}/${shard}`) ?? "").split("\n")) {
			const [address = "", ...owner] = line.split(" ");
			if (address !== "") indexed.set(address, [...(indexed.get(address) ?? []), owner.join("/")]);
		}
	}
	const faults: string[] = [];
	const reserved = new Set<string>();
	for (const { name, owner } of scanReservations(layout.directory)) {
		reserved.add(name);
		if (owner === undefined || owner === "unreadable" || /\s/.test(owner.containerId + owner.ifName)) continue;
		const holder = [owner.containerId, owner.ifName].filter((part) => part !== "").join("/");
		const known = indexed.get(name) ?? [];
		if (!known.includes(holder)) faults.push(`${name} is reserved for ${holder}, and the index does not know it`);
		for (const other of known.filter((each) => each !== holder)) {
			faults.push(`${name} is reserved for ${holder}, and the index says ${other}`);
		}
	}
	for (const [address, owners] of indexed) {
		if (!reserved.has(address)) faults.push(`${address} is free, and the index says ${owners.join(" and ")}`);
	}
	return faults;
}

/** Has the next call make the index anew. @throws SystemError */
export function forgetIndex(layout: Layout): void {
	using held = unlessAbsent(() => lockFile(layout.lock));
	if (held !== undefined) removeFile(layout.stamp);
}
