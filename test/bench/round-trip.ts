/**
 * Sends ICMP echo requests, the next after each answer, in the namespace that it is started in.
 *
 *     bun round-trip.ts ADDRESS SECONDS
 *
 * Prints the median of the times until the answer, in µs: what the other work of the machine takes away is in few of them.
 */
import { writeSync } from "node:fs";
import { addressToBytes, parseAddress } from "../../lib/ip/address.ts";
import { receive, SOCK_RAW, send, setReceiveTimeout, socket } from "../../lib/linux/libc.ts";
import { median } from "./figure.ts";

const [AF_INET, IPPROTO_ICMP] = [2, 1];
const [address = "", seconds = "1"] = process.argv.slice(2);
const parsed = parseAddress(address);
if (parsed?.family !== 4) throw new TypeError(`"${address}" is no IPv4 address`);
const target = new Uint8Array([AF_INET, 0, 0, 0, ...addressToBytes(parsed), 0, 0, 0, 0, 0, 0, 0, 0]);
/** Type 8 and a checksum of everything else, which is zero. */
const request = { data: new Uint8Array([8, 0, 0xf7, 0xff, ...new Uint8Array(18)]), address: target };
const answer = new Uint8Array(128);
const fd = socket(AF_INET, { type: SOCK_RAW, protocol: IPPROTO_ICMP });
setReceiveTimeout(fd, 1000);

const times: number[] = [];
const end = performance.now() + Number(seconds) * 1000;
while (performance.now() < end) {
	const start = performance.now();
	send(fd, request);
	// Behind the header of IP; what is no answer (0) was not asked for.
	do receive(fd, { buffer: answer });
	while (answer[20] !== 0);
	times.push((performance.now() - start) * 1000);
}
writeSync(1, `${median(times)}\n`);
