import { spawn } from "node:child_process";
import { join } from "node:path";
import { addressToBytes, parseAddress } from "../../lib/ip/address.ts";
import { parseMac } from "../../lib/netlink/mac.ts";
import { enter, type Namespace, runIn } from "./namespace.ts";
import { root, systemPath } from "./paths.ts";

/*
 * Frames as a container with CAP_NET_RAW may send them, whatever its kernel would have put into them.
 */

const script = join(root, "test/fixtures/frames.py");

/** Sends frames through an interface of the namespace. */
export function sendFrames(from: Namespace, frames: readonly Uint8Array[], { through = "eth0" } = {}): void {
	runIn(from, ["python3", script, "send", through, ...frames.map((frame) => Buffer.from(frame).toString("hex"))]);
}

/** Says which of the frames, which another namespace sends meanwhile, come in at each of the namespaces. */
export async function whoHears(
	listeners: readonly Namespace[],
	{ frames, from }: { frames: readonly Uint8Array[]; from: Namespace },
): Promise<readonly (readonly boolean[])[]> {
	const heard = await Promise.all(listeners.map((namespace) => hear(namespace)).map(async (started) => await started));
	sendFrames(from, frames);
	const texts = await Promise.all(heard.map(({ frames: all }) => all));
	return texts.map((all) => frames.map((frame) => all.includes(Buffer.from(frame).toString("hex"))));
}

/** Resolves when it hears. */
function hear(namespace: Namespace): Promise<{ readonly frames: Promise<string> }> {
	const [program = "", ...args] = enter(namespace, ["python3", script, "hear", "eth0", "1"]);
	const child = spawn(program, args, { env: { PATH: systemPath }, stdio: ["ignore", "pipe", "inherit"] });
	let text = "";
	const frames = new Promise<string>((resolve) => child.on("close", () => resolve(text)));
	return new Promise((resolve) =>
		child.stdout.on("data", (chunk) => {
			if (text === "") resolve({ frames });
			text += chunk;
		}),
	);
}

export const broadcastMac = "ff:ff:ff:ff:ff:ff";

/** An Ethernet frame. */
export function ethernet(
	{ to, from, protocol }: { to: string; from: string; protocol: number },
	payload: Uint8Array,
): Uint8Array {
	return bytes(mac(to), mac(from), [protocol >> 8, protocol & 255], payload);
}

export interface Ends {
	/** Addresses of IP. */
	readonly source: string;
	readonly target: string;
}

/** UDP from port 1000 to port 2000 in IPv4; checksums of UDP are left out. */
export function udp4({ source, target }: Ends, { ports = [1000, 2000] } = {}): Uint8Array {
	const [sourcePort = 0, targetPort = 0] = ports;
	const header = bytes([0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0], ip(source), ip(target));
	const sum = checksum(header);
	header.set([sum >> 8, sum & 255], 10);
	return bytes(header, word(sourcePort), word(targetPort), [0, 8, 0, 0]);
}

/** UDP in IPv6. */
export function udp6({ source, target }: Ends): Uint8Array {
	return bytes([0x60, 0, 0, 0, 0, 8, 17, 64], ip(source), ip(target), word(1000), word(2000), [0, 8, 0, 0]);
}

/** A request, or with `operation` 2 an answer, of ARP. */
export function arp({
	source,
	target,
	mac: sender,
	operation = 1,
}: Ends & { mac: string; operation?: number }): Uint8Array {
	return bytes([0, 1, 8, 0, 6, 4, 0, operation], mac(sender), ip(source), [0, 0, 0, 0, 0, 0], ip(target));
}

/** Neighbour discovery: type 134 router advertisement, 135 solicitation, 136 advertisement, 137 redirect. */
export function neighbour({ source, target, type, about }: Ends & { type: number; about: string }): Uint8Array {
	const message = bytes([type, 0, 0, 0, 0x20, 0, 0, 0], ip(about));
	const pseudo = bytes(ip(source), ip(target), [0, 0, 0, message.byteLength, 0, 0, 0, 58], message);
	const sum = checksum(pseudo);
	message.set([sum >> 8, sum & 255], 2);
	return bytes([0x60, 0, 0, 0, 0, message.byteLength, 58, 255], ip(source), ip(target), message);
}

/** RFC 1071. */
function checksum(data: Uint8Array): number {
	let sum = 0;
	for (let at = 0; at < data.byteLength; at += 2) sum += ((data[at] ?? 0) << 8) | (data[at + 1] ?? 0);
	while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
	return ~sum & 0xffff;
}

function mac(text: string): Uint8Array {
	const parsed = parseMac(text);
	if (parsed === undefined) throw new TypeError(`"${text}" is no hardware address`);
	return parsed;
}

function ip(text: string): Uint8Array {
	const parsed = parseAddress(text);
	if (parsed === undefined) throw new TypeError(`"${text}" is no address`);
	return addressToBytes(parsed);
}

function word(value: number): readonly number[] {
	return [value >> 8, value & 255];
}

function bytes(...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
	return new Uint8Array(parts.flatMap((part) => [...part]));
}
