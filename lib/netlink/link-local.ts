import { addressFromBytes, type IpAddress } from "../ip/address.ts";
import { parseMac } from "./mac.ts";

/**
 * The link-local address that an interface makes of its hardware address (RFC 4291, appendix A), unless it was told to
 * make another: fe80::, the address with bit 1 of its first byte inverted, and ff:fe in its middle. Undefined for an
 * address that is not of 6 bytes.
 */
export function linkLocalAddress(mac: string): IpAddress | undefined {
	const bytes = parseMac(mac);
	if (bytes?.byteLength !== 6) return undefined;
	const [first = 0, ...rest] = bytes;
	const tail = [first ^ 2, ...rest.slice(0, 2), 0xff, 0xfe, ...rest.slice(2)];
	return addressFromBytes(new Uint8Array([0xfe, 0x80, 0, 0, 0, 0, 0, 0, ...tail]));
}
