/**
 * Sends UDP datagrams of 22 bytes, which make frames of 64 bytes, as fast as one thread can, in the namespace that
 * it is started in.
 *
 *     bun flood.ts ADDRESS SECONDS
 *
 * Prints how many it sent, and how many that is in a second of processor time, which other work of the machine does not
 * take away.
 */
import { writeSync } from "node:fs";
import { addressToBytes, parseAddress } from "../../lib/ip/address.ts";
import { send, socket } from "../../lib/linux/libc.ts";

const [AF_INET, SOCK_DGRAM] = [2, 2];
const [address = "", seconds = "1"] = process.argv.slice(2);
const parsed = parseAddress(address);
if (parsed?.family !== 4) throw new TypeError(`"${address}" is no IPv4 address`);
const target = new Uint8Array([AF_INET, 0, 0x23, 0x28, ...addressToBytes(parsed), 0, 0, 0, 0, 0, 0, 0, 0]);
const datagram = { data: new Uint8Array(22), address: target };
const fd = socket(AF_INET, { type: SOCK_DGRAM, protocol: 0 });

let sent = 0;
const before = process.cpuUsage();
const end = performance.now() + Number(seconds) * 1000;
while (performance.now() < end) {
	for (let i = 0; i < 1000; i++) send(fd, datagram);
	sent += 1000;
}
const { user, system } = process.cpuUsage(before);
writeSync(1, `${sent} ${Math.round((sent * 1e6) / (user + system))}\n`);
