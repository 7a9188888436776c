import { describe, expect, test } from "@jest/globals";
import { parseEndpoint } from "../../../lib/etcd/endpoint.ts";
import { hostsNamed, parseResolver } from "../../../lib/http/resolve/files.ts";
import { addressesIn, encodeQuestion } from "../../../lib/http/resolve/message.ts";
import { formatAddress } from "../../../lib/ip/address.ts";

describe("endpoints", () => {
	test.each([
		["http://10.0.0.1:2379", { secure: false, host: "10.0.0.1", port: 2379 }],
		["https://etcd-1.example.org", { secure: true, host: "etcd-1.example.org", port: 2379 }],
		["https://[fd00::1]:443/", { secure: true, host: "fd00::1", port: 443 }],
		["unix:///run/etcd.sock", { kind: "socket", path: "/run/etcd.sock" }],
	])("%s", (url, endpoint) => expect(parseEndpoint(url)).toMatchObject({ ...endpoint, url }));

	test.each([
		"10.0.0.1:2379",
		"ftp://a",
		"http://",
		"http://a:0",
		"http://a:65536",
		"http://a/b",
		"http://a b",
		"http://u:p@a",
		"unix://a",
	])("%s is none", (url) => expect(parseEndpoint(url)).toBeUndefined());
});

describe("names", () => {
	const texts = (addresses: ReturnType<typeof hostsNamed>) => addresses.map(formatAddress);

	test("are found in hosts(5), whatever the case; comments are none", () => {
		const hosts = "127.0.0.1 localhost\n::1\tlocalhost Etcd # 10.0.0.1 etcd\n#10.0.0.2 etcd\nbad etcd\n10.0.0.3 etcd\n";
		expect(texts(hostsNamed("ETCD", hosts))).toEqual(["::1", "10.0.0.3"]);
		expect(hostsNamed("none", hosts)).toEqual([]);
	});

	test("are asked for at three servers of resolv.conf(5) at most, else at this machine", () => {
		const text =
			"search a.example b.example\nnameserver 10.0.0.1\nnameserver fd00::1\nnameserver x\nnameserver 10.0.0.2\nnameserver 10.0.0.3";
		const { servers, search } = parseResolver(text);
		expect([texts(servers), search]).toEqual([
			["10.0.0.1", "fd00::1", "10.0.0.2"],
			["a.example", "b.example"],
		]);
		expect(texts(parseResolver("").servers)).toEqual(["127.0.0.1"]);
	});

	const question = encodeQuestion({ id: 0x1234, name: "etcd.example", type: 1 });
	// A CNAME to a name that ends in a pointer, then two addresses of it.
	const records =
		"c00c0005000100000001000401 78c00c c02a00010001000000010004 0a000001 c02a00010001000000010004 0a000002";
	const answerTo = (id: string) =>
		Buffer.concat([
			Buffer.from(`${id}81800001000300000000`, "hex"),
			question.subarray(12),
			Buffer.from(records.replaceAll(" ", ""), "hex"),
		]);

	test("are answered by addresses behind aliases", () => {
		expect(Buffer.from(question).toString("hex")).toBe("1234010000010000000000000465746364076578616d706c650000010001");
		expect(texts(addressesIn(answerTo("1234"), { id: 0x1234, question, type: 1 }) ?? [])).toEqual([
			"10.0.0.1",
			"10.0.0.2",
		]);
	});

	test("are not answered by what answers something else, or is cut off", () => {
		expect(addressesIn(answerTo("1235"), { id: 0x1234, question, type: 1 })).toBeUndefined();
		expect(addressesIn(question, { id: 0x1234, question, type: 1 })).toBeUndefined();
		const whole = answerTo("1234");
		for (let length = question.byteLength; length < whole.byteLength; length++) {
			expect(addressesIn(whole.subarray(0, length), { id: 0x1234, question, type: 1 })?.length).toBeLessThanOrEqual(2);
		}
	});
});
