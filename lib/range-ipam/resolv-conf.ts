import { CniError, ErrorCode } from "../cni/error.ts";
import type { Dns } from "../cni/result.ts";
import { errnoOf, errnoText } from "../linux/errno.ts";
import { isDirectory, isRegularFile, readText, stat } from "../linux/files.ts";

/** Longer lines are refused, as the reference does. */
const longestLine = 65_536;

/** Reads a file in the form of resolv.conf(5). @throws CniError code 7 */
export function readResolvConf(path: string): Dns {
	const refuse = (reason: string, cause?: unknown) =>
		new CniError(ErrorCode.invalidNetworkConfig, `open ${path}: ${reason}`, {
			details: `"ipam.resolvConf" must name a file in the form of resolv.conf`,
			cause,
		});
	let text: string;
	try {
		const { size } = stat(path);
		// A pipe or a device would never end.
		if (!isRegularFile(path) && !isDirectory(path)) throw refuse("not a regular file");
		if (size > largestFile) throw refuse(`it has ${size} bytes, and the limit is ${largestFile}`);
		text = readText(path);
	} catch (thrown) {
		throw thrown instanceof CniError ? thrown : refuse(errnoText(errnoOf(thrown)), thrown);
	}
	return parseResolvConf(text);
}

/** Bytes; resolvers read a few lines of it. */
const largestFile = 1024 * 1024;

/**
 * Parses the lines `nameserver`, `domain`, `search` and `options`: name servers, search domains and options add up, of
 * several domains the last one counts. What follows a name server or domain on its line is not read.
 * @throws CniError code 7
 */
export function parseResolvConf(text: string): Dns {
	const nameservers: string[] = [];
	const search: string[] = [];
	const options: string[] = [];
	let domain = "";
	for (const line of text.split("\n")) {
		if (line.length >= longestLine) {
			throw new CniError(
				ErrorCode.invalidNetworkConfig,
				`Cannot read resolvConf: a line is longer than ${longestLine} characters`,
			);
		}
		const [keyword = "", first, ...rest] = line.trim().split(/\s+/);
		if (first === undefined || keyword.startsWith("#") || keyword.startsWith(";")) continue;
		if (keyword === "nameserver") nameservers.push(first);
		else if (keyword === "domain") domain = first;
		else if (keyword === "search") search.push(first, ...rest);
		else if (keyword === "options") options.push(first, ...rest);
	}
	return { nameservers, domain, search, options };
}
