import { parseJsonText } from "../../../lib/cni/json/parse-json-text.ts";
import { decodeUtf8 } from "../../../lib/linux/utf8.ts";

/**
 * A key that `sysctl` has twice in the text of the configuration, of which parsers silently take the last; also spread
 * over several `sysctl` in different letter cases.
 */
export function duplicateSysctl(stdin: Uint8Array | string): string | undefined {
	const root = parseJsonText(typeof stdin === "string" ? stdin : decodeUtf8(stdin));
	const seen = new Set<string>();
	for (const { key, value } of root.kind === "object" ? root.members : []) {
		if (key.toLowerCase() !== "sysctl" || value.kind !== "object") continue;
		for (const { key: name } of value.members) {
			if (seen.has(name)) return name;
			seen.add(name);
		}
	}
	return undefined;
}
