import { CniError, ErrorCode, messageOf } from "../../../lib/cni/error.ts";
import { Errno, errnoOf } from "../../../lib/linux/errno.ts";
import { readText } from "../../../lib/linux/files.ts";
import type { Sysctl } from "./config.ts";

/** Where the operator says which parameters configurations and tenants may set, as the reference reads it. */
const path = "/etc/cni/tuning/allowlist.conf";

/**
 * Refuses a parameter that the operator's list does not allow. Each line of it is a regular expression, looked for
 * anywhere in the key as it is written; without the file everything is allowed, with an empty one nothing.
 *
 * @throws CniError code 7 for a parameter, 5 for a file that cannot be read, 999 for a line that is no expression
 */
export function requireAllowed(sysctls: readonly Sysctl[]): void {
	const lines = sysctls.length === 0 ? undefined : readLines();
	if (lines === undefined) return;
	const patterns = lines.map(compile);
	const refused = sysctls.find(({ key }) => !patterns.some((pattern) => pattern.test(key)));
	if (refused === undefined) return;
	throw new CniError(
		ErrorCode.invalidNetworkConfig,
		`Sysctl ${refused.key} is not allowed. Only the following sysctls are allowed: [${lines.join(" ")}]`,
		{ details: `The list is ${path}` },
	);
}

function readLines(): readonly string[] | undefined {
	try {
		return readText(path)
			.split("\n")
			.map((line) => line.trim())
			.filter((line) => line !== "");
	} catch (thrown) {
		if ([Errno.ENOENT, Errno.ENOTDIR].some((errno) => errno === errnoOf(thrown))) return undefined;
		throw new CniError(ErrorCode.ioFailure, `Cannot read the list of allowed sysctls: ${messageOf(thrown)}`);
	}
}

/** Lists were written for RE2: of what JavaScript writes in another way, the anchors and leading flags. */
function compile(line: string): RegExp {
	const [, flags = "", rest = line] = /^\(\?([ims]+)\)(.*)$/s.exec(line) ?? [];
	try {
		return new RegExp(rest.replace(/^\\A/, "^").replace(/\\z$/, "$"), flags);
	} catch (thrown) {
		throw new CniError(ErrorCode.internal, `Cannot use "${line}" of ${path}: ${messageOf(thrown)}`);
	}
}
