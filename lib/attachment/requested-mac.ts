import { CniError, ErrorCode } from "../cni/error.ts";
import { formatMac, parseMac } from "../netlink/mac.ts";

/**
 * The hardware address that a configuration or a runtime asks for, as the suite writes them; undefined for none (empty).
 *
 * @param refusal what the error about another text begins with
 * @throws CniError code 7 for what is no address of an interface: 6 bytes, the first one even
 */
export function requestedMac(text: string | undefined, refusal: (text: string) => string): string | undefined {
	if (!text) return undefined;
	const bytes = parseMac(text);
	const invalid = (details: string) =>
		new CniError(ErrorCode.invalidNetworkConfig, `${refusal(text)}: address ${text}: invalid MAC address`, { details });
	if (bytes?.byteLength !== 6) throw invalid("A MAC address has the form 02:00:00:00:00:01");
	if (((bytes[0] ?? 0) & 1) === 1) {
		throw invalid("It is a multicast address: an interface needs one whose first byte is even");
	}
	return formatMac(bytes);
}
