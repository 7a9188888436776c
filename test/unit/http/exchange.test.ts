import { describe, expect, test } from "@jest/globals";
import { exchange } from "../../../lib/http/exchange.ts";
import { ConnectionClosed } from "../../../lib/http/incoming.ts";
import { inParts, scriptedStream } from "../../support/scripted-stream.ts";

const request = { path: "/v3/kv/range", authority: "[fd00::1]:2379", headers: { Authorization: "t" }, body: '{"ä":1}' };

const scripted = (answer: string, step: number) => scriptedStream(inParts(answer, step));

describe("HTTP over a connection", () => {
	test("a request goes out whole, with its length in bytes", () => {
		const stream = scripted("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", 100);
		exchange(stream, request, 0);
		expect(stream.sent).toEqual([
			"POST /v3/kv/range HTTP/1.1\r\nHost: [fd00::1]:2379\r\nContent-Type: application/json\r\nContent-Length: 8\r\nAuthorization: t\r\n\r\n" +
				'{"ä":1}',
		]);
	});

	test.each([
		["a length", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", true],
		[
			"chunks",
			"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nTrailer: 1\r\n\r\n",
			true,
		],
		["its end", "HTTP/1.0 200 OK\r\n\r\nhello", false],
		[
			"a length, and says that it closes",
			"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
			false,
		],
		[
			"a length, after an interim answer",
			"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
			true,
		],
	])("an answer with %s is read whole, however it arrives", (_, answer, reusable) => {
		for (const step of [1, 3, 1000]) {
			expect(exchange(scripted(answer, step), request, 0)).toEqual({ status: 200, body: "hello", reusable });
		}
	});

	test("an answer of many bytes is read whole", () => {
		const body = "x".repeat(300_000);
		const answer = `HTTP/1.1 503 No\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
		expect(exchange(scripted(answer, 5000), request, 0)).toEqual({ status: 503, body, reusable: true });
	});

	test.each([
		["SSH-2.0-x\r\n\r\n", "the answer is no HTTP/1.1"],
		["HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", 'the answer has the length "-1"'],
		["HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", "the answer has the length"],
		["HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", 'the answer has the transfer encoding "gzip"'],
		["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 'the answer has the length "xyz"'],
		["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", "the connection was closed"],
		["HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", "the answer has the length 99999999"],
		["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n", "a chunk that is longer than it says"],
		[`HTTP/1.1 200 OK\r\nA: ${"x".repeat(100_000)}\r\n\r\n`, "the answer has a line without an end"],
		[`HTTP/1.1 200 OK\r\n${"A: x\r\n".repeat(300)}\r\n`, "the answer has too many fields"],
	])("%.80j is refused", (answer, error) => {
		expect(() => exchange(scripted(answer, 1000), request, 0)).toThrow(error);
	});

	test("a connection that is closed before the answer says so", () => {
		expect(() => exchange(scripted("", 1), request, 0)).toThrow(new ConnectionClosed(false));
	});
});
