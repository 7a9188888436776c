import { addressToBytes, type IpAddress, type IpPrefix } from "../ip/address.ts";
import { AF_PACKET, close, SOCK_RAW, send, socket } from "../linux/libc.ts";
import { parseMac } from "../netlink/mac.ts";
import type { Link } from "../netlink/link.ts";
import type { Sandbox } from "./sandbox.ts";

/**
 * Tells the neighbours which hardware address has the addresses now: a gratuitous ARP request for each IPv4 address
 * (RFC 5227 section 3) and an unsolicited neighbour advertisement for each IPv6 address (RFC 4861 section 7.2.6). An
 * address that another container had a moment ago would otherwise lead there until the caches expire.
 *
 * Equivalent of `arping -U -c 1` and `ndsend`. @throws SystemError
 */
export function announce(sandbox: Sandbox, { link, addresses }: { link: Link; addresses: readonly IpPrefix[] }): void {
	const mac = parseMac(link.mac);
	if (mac === undefined || addresses.length === 0) return;
	// Protocol 0: the socket only sends.
	const fd = sandbox.namespace.run(() => socket(AF_PACKET, { type: SOCK_RAW, protocol: 0 }));
	try {
		for (const { address } of addresses) {
			const frame = address.family === 4 ? gratuitousArp(address, mac) : unsolicitedAdvertisement(address, mac);
			send(fd, { data: frame, address: linkLayerAddress(link.index) });
		}
	} finally {
		close(fd);
	}
}

const ETH_P_ARP = 0x0806;
const ETH_P_IPV6 = 0x86dd;

/** Ethernet frame with an ARP request in which sender and target are the same address; RFC 826. */
export function gratuitousArp(address: IpAddress, mac: Uint8Array): Uint8Array {
	const bytes = addressToBytes(address);
	return concat([
		ethernetHeader({ destination: new Uint8Array(6).fill(0xff), source: mac, type: ETH_P_ARP }),
		// Ethernet, IPv4, lengths 6 and 4, request.
		new Uint8Array([0, 1, 8, 0, 6, 4, 0, 1]),
		mac,
		bytes,
		new Uint8Array(6),
		bytes,
	]);
}

/** Ethernet frame with an ICMPv6 neighbour advertisement to all nodes, override flag set; RFC 4861 section 4.4. */
export function unsolicitedAdvertisement(address: IpAddress, mac: Uint8Array): Uint8Array {
	const source = addressToBytes(address);
	const allNodes = addressToBytes({ family: 6, value: 0xff02_0000_0000_0000_0000_0000_0000_0001n });
	const message = concat([
		new Uint8Array([neighbourAdvertisement, 0, 0, 0, overrideFlag, 0, 0, 0]),
		source,
		// Option: target link-layer address, one unit of 8 bytes.
		new Uint8Array([2, 1]),
		mac,
	]);
	const pseudoHeader = concat([source, allNodes, new Uint8Array([0, 0, 0, message.byteLength, 0, 0, 0, icmpv6])]);
	new DataView(message.buffer).setUint16(2, internetChecksum(concat([pseudoHeader, message])));
	return concat([
		ethernetHeader({ destination: new Uint8Array([0x33, 0x33, 0, 0, 0, 1]), source: mac, type: ETH_P_IPV6 }),
		// Version 6; payload length; next header; hop limit 255, without which receivers drop it.
		new Uint8Array([0x60, 0, 0, 0, 0, message.byteLength, icmpv6, 255]),
		source,
		allNodes,
		message,
	]);
}

const icmpv6 = 58;
const neighbourAdvertisement = 136;
const overrideFlag = 0x20;

function ethernetHeader(header: { destination: Uint8Array; source: Uint8Array; type: number }): Uint8Array {
	return concat([header.destination, header.source, new Uint8Array([header.type >> 8, header.type & 255])]);
}

/** `struct sockaddr_ll` that names the interface; the frame itself carries the addresses. */
function linkLayerAddress(linkIndex: number): Uint8Array {
	const address = new Uint8Array(20);
	const view = new DataView(address.buffer);
	view.setUint16(0, AF_PACKET, true);
	view.setInt32(4, linkIndex, true);
	return address;
}

/** RFC 1071, over an even number of bytes. */
function internetChecksum(bytes: Uint8Array): number {
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	let sum = 0;
	for (let offset = 0; offset < bytes.byteLength; offset += 2) sum += view.getUint16(offset);
	while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
	return ~sum & 0xffff;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
	const whole = new Uint8Array(parts.reduce((size, part) => size + part.byteLength, 0));
	let offset = 0;
	for (const part of parts) {
		whole.set(part, offset);
		offset += part.byteLength;
	}
	return whole;
}
