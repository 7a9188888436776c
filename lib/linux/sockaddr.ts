import { addressToBytes, type IpAddress } from "../ip/address.ts";
import { concatBytes } from "./bytes.ts";
import { Errno, SystemError } from "./errno.ts";
import { AF_INET, AF_INET6, AF_UNIX } from "./libc.ts";
import { encodeUtf8 } from "./utf8.ts";

/** `struct sockaddr_in` or `sockaddr_in6`: family, then in network order the port, (flow,) address (and scope). */
export function internetAddress(address: IpAddress, port: number): Uint8Array {
	const isIpv4 = address.family === 4;
	const bytes = new Uint8Array(isIpv4 ? 16 : 28);
	const view = new DataView(bytes.buffer);
	view.setUint16(0, domainOf(address), true);
	view.setUint16(2, port);
	bytes.set(addressToBytes(address), isIpv4 ? 4 : 8);
	return bytes;
}

export function domainOf({ family }: IpAddress): number {
	return family === 4 ? AF_INET : AF_INET6;
}

/** `struct sockaddr_un` of a socket in the file system. @throws SystemError EINVAL for a path of more than 107 bytes */
export function unixAddress(path: string): Uint8Array {
	const text = encodeUtf8(`${path}\0`);
	if (text.byteLength > 108 || path.includes("\0")) throw new SystemError(`use "${path}" as a socket`, Errno.EINVAL);
	return concatBytes([new Uint8Array([AF_UNIX, 0]), text]);
}
