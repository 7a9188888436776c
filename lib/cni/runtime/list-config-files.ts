import { readdirSync } from "node:fs";
import { extname, join } from "node:path";
import { Errno, errnoOf, errnoText } from "../../linux/errno.ts";
import { CniError, ErrorCode } from "../error.ts";

/**
 * The files of a directory with one of the extensions (`.conflist`), by name in byte order; folders are passed over.
 * A directory that does not exist has none.
 *
 * @throws CniError code 5 when the directory cannot be read
 */
export function listConfigFiles(directory: string, extensions: readonly string[]): string[] {
	try {
		return readdirSync(directory, { withFileTypes: true })
			.filter((entry) => !entry.isDirectory() && extensions.includes(extname(entry.name)))
			.map((entry) => entry.name)
			.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
			.map((name) => join(directory, name));
	} catch (thrown) {
		const errno = errnoOf(thrown);
		if (errno === Errno.ENOENT) return [];
		throw new CniError(ErrorCode.ioFailure, `open ${directory}: ${errnoText(errno)}`, {
			details: "NETCONFPATH names the directory of network configurations",
			cause: thrown,
		});
	}
}
