import { formatAddress, type IpAddress, parseAddress } from "../../ip/address.ts";
import { updateFile, writeAll } from "../../linux/files.ts";
import { ftruncate } from "../../linux/libc.ts";
import { readText } from "./files.ts";

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
	updateFile(cursorPath(directory, setIndex), (fd) => {
		const text = formatAddress(address);
		writeAll(fd, text);
		ftruncate(fd, text.length);
	});
}

function cursorPath(directory: string, setIndex: number): string {
	return `${directory}/last_reserved_ip.${setIndex}`;
}
