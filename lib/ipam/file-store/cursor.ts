import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { formatAddress, type IpAddress, parseAddress } from "../../ip/address.ts";
import { Errno } from "../../linux/errno.ts";
import { readText, unless } from "./files.ts";

/** The address that the set gave last; undefined when none is known, or the file cannot be read. */
export function readCursor(directory: string, setIndex: number): IpAddress | undefined {
	try {
		return parseAddress((readText(cursorPath(directory, setIndex)) ?? "").trim());
	} catch {
		return undefined;
	}
}

/** In place: the file is never empty, and the directory keeps its modification time. */
export function writeCursor(directory: string, { setIndex, address }: { setIndex: number; address: IpAddress }): void {
	const path = cursorPath(directory, setIndex);
	const fd = unless([Errno.ENOENT], () => openSync(path, "r+")) ?? openSync(path, "w", 0o600);
	try {
		ftruncateSync(fd, writeSync(fd, formatAddress(address), 0));
	} finally {
		closeSync(fd);
	}
}

function cursorPath(directory: string, setIndex: number): string {
	return `${directory}/last_reserved_ip.${setIndex}`;
}
