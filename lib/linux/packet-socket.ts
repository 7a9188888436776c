import { bind, close, getsockname, O_NONBLOCK, receiveFrom, SOCK_DGRAM, send, setsockopt, socket } from "./libc.ts";
import { addressOf } from "./system-call.ts";

const AF_PACKET = 17;
const ETH_P_IP = 0x0800;
const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;

/** Received from another machine; the kernel hands over what this one sends too. */
const PACKET_OUTGOING = 4;

/** What came in: an IP packet, and the hardware address that sent it. */
export interface ReceivedPacket {
	readonly packet: Uint8Array;
	readonly from: Uint8Array;
}

/**
 * A socket for UDP packets to one port, on one interface of the thread's current namespace, whether the interface has an
 * address or not; it never waits. packet(7) with SOCK_DGRAM: the kernel makes and takes off the link's header.
 *
 * @throws SystemError
 */
export function openPacketSocket(linkIndex: number, { udpPort }: { udpPort: number }): number {
	// Without a protocol it hears nothing until it is bound: what came before the filter would be anything.
	const fd = socket(AF_PACKET, { type: SOCK_DGRAM | O_NONBLOCK, protocol: 0 });
	try {
		const filter = udpFilter(udpPort);
		// struct sock_fprog: u16 number of instructions, and where they are.
		const program = new BigUint64Array([BigInt(filter.byteLength / 8), BigInt(addressOf(filter))]);
		setsockopt(fd, { level: SOL_SOCKET, option: SO_ATTACH_FILTER, value: program });
		bind(fd, sockaddr(linkIndex));
		return fd;
	} catch (thrown) {
		close(fd);
		throw thrown;
	}
}

/** Sends an IP packet to a hardware address. @throws SystemError */
export function sendPacket(
	fd: number,
	{ linkIndex, to, packet }: { linkIndex: number; to: Uint8Array; packet: Uint8Array },
): void {
	send(fd, { data: packet, address: sockaddr(linkIndex, to) });
}

/** The next packet. @throws SystemError EAGAIN when there is none, ENETDOWN once when the interface has gone down */
export function receivePacket(fd: number): ReceivedPacket | undefined {
	const buffer = new Uint8Array(64 * 1024);
	const address = sockaddr(0);
	const length = receiveFrom(fd, { buffer, address });
	if (address[10] === PACKET_OUTGOING) return undefined;
	return { packet: buffer.slice(0, length), from: address.slice(12, 12 + (address[11] ?? 0)) };
}

/** Whether the interface that the socket was opened on exists no more. */
export function isInterfaceGone(fd: number): boolean {
	const address = sockaddr(0);
	getsockname(fd, address);
	return new DataView(address.buffer).getInt32(4, true) < 0;
}

/**
 * `struct sockaddr_ll`: u16 family, u16 protocol (big-endian), i32 interface, u16 hardware type, u8 packet type, u8 length
 * of the address, 8 bytes for it.
 */
function sockaddr(linkIndex: number, hardwareAddress: Uint8Array = new Uint8Array(0)): Uint8Array {
	const address = new Uint8Array(20);
	const view = new DataView(address.buffer);
	view.setUint16(0, AF_PACKET, true);
	view.setUint16(2, ETH_P_IP);
	view.setInt32(4, linkIndex, true);
	address[11] = hardwareAddress.byteLength;
	address.set(hardwareAddress.subarray(0, 8), 12);
	return address;
}

/** `tcpdump -y RAW -dd 'udp dst port N'`: a program for the kernel, so that what else the container receives wakes nobody. */
function udpFilter(port: number): Uint8Array {
	const instructions: readonly (readonly [code: number, ifTrue: number, ifFalse: number, value: number])[] = [
		// The protocol is UDP.
		[0x30, 0, 0, 9],
		[0x15, 0, 6, 17],
		// The first fragment, which has the ports.
		[0x28, 0, 0, 6],
		[0x45, 4, 0, 0x1fff],
		// The port behind a header of whatever length.
		[0xb1, 0, 0, 0],
		[0x48, 0, 0, 2],
		[0x15, 0, 1, port],
		[0x06, 0, 0, 0xffff],
		[0x06, 0, 0, 0],
	];
	const bytes = new Uint8Array(8 * instructions.length);
	const view = new DataView(bytes.buffer);
	for (const [index, [code, ifTrue, ifFalse, value]] of instructions.entries()) {
		view.setUint16(8 * index, code, true);
		view.setUint8(8 * index + 2, ifTrue);
		view.setUint8(8 * index + 3, ifFalse);
		view.setUint32(8 * index + 4, value, true);
	}
	return bytes;
}
