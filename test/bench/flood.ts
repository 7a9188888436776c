/**
 * Sends UDP datagrams of 22 bytes, which make frames of 64 bytes, as fast as one thread can, in the namespace that
 * it is started in.
 *
 *     bun flood.ts ADDRESS SECONDS
 *
 * Prints how many it sent, and how many that is in a second by the median of the times for 200 of them: what the other
 * work of the machine takes away is in few of these.
 */
import { writeSync } from "node:fs";
import { addressToBytes, parseAddress } from "../../lib/ip/address.ts";
import { send, socket } from "../../lib/linux/libc.ts";
import { median } from "./figure.ts";

const [AF_INET, SOCK_DGRAM] = [2, 2];
const [address = "", seconds = "1"] = process.argv.slice(2);
const parsed = parseAddress(address);
if (parsed?.family !== 4) throw new TypeError(`"${address}" is no IPv4 address`);
const target = new Uint8Array([AF_INET, 0, 0x23, 0x28, ...addressToBytes(parsed), 0, 0, 0, 0, 0, 0, 0, 0]);
const datagram = { data: new Uint8Array(22), address: target };
const fd = socket(AF_INET, { type: SOCK_DGRAM, protocol: 0 });

const atOnce = 200;
const times: number[] = [];
const end = performance.now() + Number(seconds) * 1000;
while (performance.now() < end) {
	const start = performance.now();
	for (let i = 0; i < atOnce; i++) send(fd, datagram);
	times.push(performance.now() - start);
}
writeSync(1, `${times.length * atOnce} ${Math.round((atOnce * 1000) / median(times))}\n`);
