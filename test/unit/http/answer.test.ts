import { describe, expect, test } from "@jest/globals";
import { createAnswer } from "../../../lib/http/answer.ts";
import { wholeBody } from "../../../lib/http/exchange.ts";
import { createIncoming, type Incoming } from "../../../lib/http/incoming.ts";
import { Errno, errnoOf } from "../../../lib/linux/errno.ts";
import { inParts, scriptedStream } from "../../support/scripted-stream.ts";

/** Asks again whenever a deadline passes. */
function patiently<T>(action: () => T): T {
	for (;;) {
		try {
			return action();
		} catch (thrown) {
			if (errnoOf(thrown) !== Errno.ETIMEDOUT) throw thrown;
		}
	}
}

const chunked =
	"HTTP/1.1 100 Continue\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
	"2\r\nhe\r\n4;x=y\r\nllö\r\n0\r\nTrailer: 1\r\n\r\n";

function readPatiently(incoming: Incoming): { status: number; body: string } {
	const answer = createAnswer(incoming);
	const { status } = patiently(() => answer.head(0));
	const body = wholeBody(answer, 100);
	return { status, body: patiently(() => body(0)) };
}

describe("an answer part by part", () => {
	test("deadlines that pass at any byte lose nothing", () => {
		for (const size of [1, 2, 7]) {
			const incoming = createIncoming(scriptedStream(inParts(chunked, size, { pausing: true })));
			expect(readPatiently(incoming)).toEqual({ status: 200, body: "hellö" });
		}
	});

	test("the next answer begins where one ends", () => {
		const other = "HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno";
		const incoming = createIncoming(scriptedStream([chunked + other + chunked]));
		expect([1, 2, 3].map(() => readPatiently(incoming).status)).toEqual([200, 503, 200]);
	});

	test("bytes are there when they have come, not when a chunk is complete", () => {
		const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
		const answer = createAnswer(createIncoming(scriptedStream([`${head}ffffffff\r\nabc`, "def"])));
		answer.head(0);
		expect([answer.piece(0), answer.piece(0)].map((piece) => Buffer.from(piece ?? []).toString())).toEqual([
			"abc",
			"def",
		]);
		expect(() => answer.piece(0)).toThrow("the connection was closed");
	});

	test("fields are found by their names in any case; of several the last counts", () => {
		const answer = createAnswer(
			createIncoming(
				scriptedStream(["HTTP/1.1 307 To\r\nLOCATION: //a\r\nlocation:  //b:1/x \r\nContent-Length: 0\r\n\r\n"]),
			),
		);
		expect(answer.head(0).fields.get("location")).toBe("//b:1/x");
		expect(answer.piece(0)).toBeUndefined();
	});

	test("a body without an end is given up", () => {
		const answer = createAnswer(
			createIncoming(scriptedStream(inParts(`HTTP/1.0 200 OK\r\n\r\n${"x".repeat(101)}`, 10))),
		);
		answer.head(0);
		expect(() => wholeBody(answer, 100)(0)).toThrow("the answer has more than 100 bytes");
	});
});
