import { addressFromBytes, addressToBytes, type IpAddress } from "../ip/address.ts";

export const clientPort = 68;
export const serverPort = 67;

/** What a UDP packet over IPv4 carries, and between whom. */
export interface Datagram {
	readonly source: IpAddress;
	readonly destination: IpAddress;
	readonly payload: Uint8Array;
}

export const broadcastAddress: IpAddress = { family: 4, value: 0xffff_ffffn };

const headerBytes = 20;
const udpHeaderBytes = 8;
const protocolUdp = 17;
const timeToLive = 64;

/** The IP packet of a client's message. */
export function encodeDatagram({ source, destination, payload }: Datagram): Uint8Array {
	const packet = new Uint8Array(headerBytes + udpHeaderBytes + payload.byteLength);
	const view = new DataView(packet.buffer);
	packet[0] = 0x45;
	view.setUint16(2, packet.byteLength);
	packet.set([timeToLive, protocolUdp], 8);
	packet.set(addressToBytes(source), 12);
	packet.set(addressToBytes(destination), 16);
	view.setUint16(10, checksum(packet.subarray(0, headerBytes)));

	view.setUint16(20, clientPort);
	view.setUint16(22, serverPort);
	view.setUint16(24, udpHeaderBytes + payload.byteLength);
	packet.set(payload, headerBytes + udpHeaderBytes);
	// Of both addresses, protocol and length before the datagram itself; 0 would mean that there is none.
	const pseudoHeader = protocolUdp + udpHeaderBytes + payload.byteLength;
	view.setUint16(26, checksum(packet.subarray(12), pseudoHeader) || 0xffff);
	return packet;
}

/**
 * What a packet to a client carries; undefined for any other packet. The checksum of UDP is not looked at: a server on the
 * same machine leaves it to a network card that the packet never passes.
 */
export function decodeDatagram(packet: Uint8Array): Datagram | undefined {
	const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
	if (packet.byteLength < headerBytes + udpHeaderBytes || (packet[0] ?? 0) >> 4 !== 4) return undefined;
	const header = ((packet[0] ?? 0) & 15) * 4;
	const total = view.getUint16(2);
	if (header < headerBytes || total > packet.byteLength || total < header + udpHeaderBytes) return undefined;
	const isFragment = (view.getUint16(6) & 0x3fff) !== 0;
	if (packet[9] !== protocolUdp || isFragment || view.getUint16(header + 2) !== clientPort) return undefined;
	const length = view.getUint16(header + 4);
	if (length < udpHeaderBytes || header + length > total) return undefined;
	return {
		source: addressFromBytes(packet.subarray(12, 16)),
		destination: addressFromBytes(packet.subarray(16, 20)),
		payload: packet.subarray(header + udpHeaderBytes, header + length),
	};
}

/** RFC 1071, begun with `sum`. */
function checksum(bytes: Uint8Array, sum = 0): number {
	for (let i = 0; i < bytes.byteLength; i += 2) sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
	while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
	return ~sum & 0xffff;
}
