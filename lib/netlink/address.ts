import { addressFromBytes, addressToBytes, type Family, type IpPrefix, lastAddressOf } from "../ip/address.ts";
import { addressFamily, RTM_DELADDR, RTM_GETADDR, RTM_NEWADDR } from "./rtnetlink.ts";
import { attribute, decodeAttributes, read } from "./wire/attributes.ts";
import { type Message, NLM_F_CREATE, NLM_F_EXCL, type ReceivedMessage } from "./wire/message.ts";
import type { NetlinkSocket } from "./wire/socket.ts";

/** An address on an interface as the kernel holds it; `ip address show`. */
export interface LinkAddress {
	readonly linkIndex: number;
	readonly prefix: IpPrefix;
	/** Duplicate address detection has not ended yet. */
	readonly tentative: boolean;
	/** Another machine on the link has the same address. */
	readonly dadFailed: boolean;
}

const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_BROADCAST = 4;
const IFA_FLAGS = 8;
const IFA_F_NODAD = 0x02;
const IFA_F_DADFAILED = 0x08;
const IFA_F_TENTATIVE = 0x40;

/**
 * `ip address add PREFIX dev LINK [nodad]`; fails with EEXIST when the link has it. Without duplicate address detection
 * an IPv6 address can be used at once.
 */
export function addAddress(
	linkIndex: number,
	{ prefix, detectDuplicates }: { prefix: IpPrefix; detectDuplicates: boolean },
): Message {
	const bytes = addressToBytes(prefix.address);
	const broadcast = prefix.address.family === 4 && prefix.length < 31;
	return {
		type: RTM_NEWADDR,
		flags: NLM_F_CREATE | NLM_F_EXCL,
		header: ifaddrmsg(linkIndex, { prefix, flags: detectDuplicates ? 0 : IFA_F_NODAD }),
		attributes: [
			attribute.bytes(IFA_LOCAL, bytes),
			attribute.bytes(IFA_ADDRESS, bytes),
			...(broadcast ? [attribute.bytes(IFA_BROADCAST, addressToBytes(lastAddressOf(prefix)))] : []),
		],
	};
}

/** `ip address del PREFIX dev LINK`. */
export function deleteAddress(linkIndex: number, prefix: IpPrefix): Message {
	const bytes = addressToBytes(prefix.address);
	return {
		type: RTM_DELADDR,
		header: ifaddrmsg(linkIndex, { prefix }),
		attributes: [attribute.bytes(IFA_LOCAL, bytes), attribute.bytes(IFA_ADDRESS, bytes)],
	};
}

/** `ip address show dev LINK`, both families. @throws NetlinkError */
export function listAddresses(socket: NetlinkSocket, linkIndex: number): readonly LinkAddress[] {
	const header = new Uint8Array(8);
	new DataView(header.buffer).setUint32(4, linkIndex, true);
	const all = socket.dump({ type: RTM_GETADDR, header }).map(decodeAddress);
	// Kernels before 4.20 ignore the index in the request.
	return all.filter((address) => address.linkIndex === linkIndex);
}

/** `ip address show`: of all links, both families. @throws NetlinkError */
export function listAllAddresses(socket: NetlinkSocket): readonly LinkAddress[] {
	return socket.dump({ type: RTM_GETADDR, header: new Uint8Array(8) }).map(decodeAddress);
}

export function decodeAddress({ body }: ReceivedMessage): LinkAddress {
	const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
	const attributes = decodeAttributes(body.subarray(8));
	// On a point-to-point link IFA_ADDRESS is the other side; IFA_LOCAL, where present, is always ours.
	const bytes = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS) ?? new Uint8Array(4);
	const flags = read.u32(attributes.get(IFA_FLAGS)) ?? view.getUint8(2);
	return {
		linkIndex: view.getUint32(4, true),
		prefix: { address: addressFromBytes(bytes), length: view.getUint8(1) },
		tentative: (flags & IFA_F_TENTATIVE) !== 0,
		dadFailed: (flags & IFA_F_DADFAILED) !== 0,
	};
}

/** Addresses of one family. */
export function ofFamily(addresses: readonly LinkAddress[], family: Family): readonly LinkAddress[] {
	return addresses.filter(({ prefix }) => prefix.address.family === family);
}

/** `struct ifaddrmsg`: u8 family, u8 prefix length, u8 flags, u8 scope, u32 index. */
function ifaddrmsg(linkIndex: number, { prefix, flags = 0 }: { prefix: IpPrefix; flags?: number }): Uint8Array {
	const header = new Uint8Array(8);
	header[0] = addressFamily(prefix.address.family);
	header[1] = prefix.length;
	header[2] = flags;
	new DataView(header.buffer).setUint32(4, linkIndex, true);
	return header;
}
