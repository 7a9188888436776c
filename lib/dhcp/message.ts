import { addressFromBytes, addressToBytes, type IpAddress } from "../ip/address.ts";
import { decodeOptions, encodeOptions, MessageType, Option, type Options } from "./options.ts";

/**
 * A message between client and server; RFC 2131 section 2, with the option for its type taken out:
 *
 *     0  u8 op, u8 hardware type, u8 length of hardware addresses, u8 hops
 *     4  u32 transaction         8  u16 seconds, u16 flags
 *     12 client's address        16 your address       20 next server       24 relay agent
 *     28 hardware address (16)   44 server name (64)   108 file (128)
 *     236 magic cookie           240 options
 */
export interface DhcpMessage {
	/** One of `MessageType`. */
	readonly type: number;
	readonly transaction: number;
	/** Since the client has begun. */
	readonly seconds: number;
	/** Whether the answer shall be broadcast: for a client that hears nothing else. */
	readonly broadcast: boolean;
	/** What the client has, in a message of the client; 0.0.0.0 for none. */
	readonly clientAddress: IpAddress;
	/** What the server gives. */
	readonly yourAddress: IpAddress;
	readonly hardwareAddress: Uint8Array;
	readonly options: Options;
}

export const noAddress: IpAddress = { family: 4, value: 0n };

const BOOTREQUEST = 1;
const BOOTREPLY = 2;
const ETHERNET = 1;
const flagBroadcast = 0x8000;
const cookie = 0x6382_5363;
const optionsOffset = 240;
/** Servers and relays of old expect no less. */
const minimumBytes = 300;

/** A client's message. */
export function encodeRequest(message: DhcpMessage): Uint8Array {
	const options = encodeOptions(new Map([...message.options, [Option.messageType, new Uint8Array([message.type])]]));
	const bytes = new Uint8Array(Math.max(minimumBytes, optionsOffset + options.byteLength + 1));
	const view = new DataView(bytes.buffer);
	bytes.set([BOOTREQUEST, ETHERNET, message.hardwareAddress.byteLength]);
	view.setUint32(4, message.transaction);
	view.setUint16(8, Math.min(message.seconds, 0xffff));
	view.setUint16(10, message.broadcast ? flagBroadcast : 0);
	bytes.set(addressToBytes(message.clientAddress), 12);
	bytes.set(addressToBytes(message.yourAddress), 16);
	bytes.set(message.hardwareAddress, 28);
	view.setUint32(236, cookie);
	bytes.set(options, optionsOffset);
	bytes[optionsOffset + options.byteLength] = Option.end;
	return bytes;
}

/** A server's message; undefined for bytes that are none. */
export function decodeReply(bytes: Uint8Array): DhcpMessage | undefined {
	if (bytes.byteLength < optionsOffset || bytes[0] !== BOOTREPLY) return undefined;
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	const hardwareLength = bytes[2] ?? 0;
	if (hardwareLength > 16 || view.getUint32(236) !== cookie) return undefined;
	const options = decodeOptions(optionFields(bytes));
	const [type, ...more] = options.get(Option.messageType) ?? [];
	if (type === undefined || more.length > 0) return undefined;
	return {
		type,
		transaction: view.getUint32(4),
		seconds: view.getUint16(8),
		broadcast: (view.getUint16(10) & flagBroadcast) !== 0,
		clientAddress: addressFromBytes(bytes.subarray(12, 16)),
		yourAddress: addressFromBytes(bytes.subarray(16, 20)),
		hardwareAddress: bytes.slice(28, 28 + hardwareLength),
		options,
	};
}

/** Where there is no room for all, the fields for file and server name have options too; RFC 2131 section 4.1. */
function optionFields(bytes: Uint8Array): readonly Uint8Array[] {
	const own = bytes.subarray(optionsOffset);
	const [overload = 0] = decodeOptions([own]).get(Option.overload) ?? [];
	return [
		own,
		...((overload & 1) === 0 ? [] : [bytes.subarray(108, 236)]),
		...((overload & 2) === 0 ? [] : [bytes.subarray(44, 108)]),
	];
}

/** `DHCPOFFER`; for log lines. */
export function messageName(type: number): string {
	const name = Object.entries(MessageType).find(([, value]) => value === type)?.[0];
	return name === undefined ? `message of type ${type}` : `DHCP${name.toUpperCase()}`;
}
