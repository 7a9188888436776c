import { describe, expect, test } from "@jest/globals";
import { Errno, SystemError } from "../../../lib/linux/errno.ts";
import { type Attribute, attribute, encodeAttributes } from "../../../lib/netlink/wire/attributes.ts";
import { createConversation, type Transport } from "../../../lib/netlink/wire/conversation.ts";
import { NetlinkError } from "../../../lib/netlink/wire/error.ts";
import {
	decodeMessages,
	type Message,
	NLM_F_DUMP_INTR,
	NLM_F_MULTI,
	NLMSG_DONE,
	NLMSG_ERROR,
	type ReceivedMessage,
} from "../../../lib/netlink/wire/message.ts";

const portId = 4711;
const NLM_F_CAPPED = 0x100;
const NLM_F_ACK_TLVS = 0x200;
const message: Message = { type: 16, header: new Uint8Array(16), attributes: [attribute.u32(4, 1500)] };

interface Reply {
	readonly type: number;
	readonly flags?: number;
	readonly body?: Uint8Array;
	/** Instead of the request's. */
	readonly sequence?: number;
	readonly portId?: number;
}

/** What the kernel answers to the requests of one send: datagrams of replies, or an error of recv. */
type Answer = readonly (readonly Reply[] | Uint8Array | Error)[];

/** A kernel that answers every send with the next of `answers`. */
function fakeKernel(answers: ((requests: readonly ReceivedMessage[]) => Answer)[]) {
	const queue: (Uint8Array | Error)[] = [];
	const log = { sends: [] as number[], enlarged: 0, closed: 0 };
	const transport: Transport = {
		portId,
		send(datagram) {
			const requests = decodeMessages(datagram);
			log.sends.push(requests.length);
			const answer = answers.shift()?.(requests) ?? [];
			const first = requests[0]?.sequence ?? 0;
			for (const part of answer) queue.push(Array.isArray(part) ? encode(part, first) : (part as Uint8Array | Error));
		},
		receive() {
			const next = queue.shift();
			if (next === undefined) throw new Error("the kernel would wait for ever");
			if (next instanceof Error) throw next;
			return next;
		},
		enlarge() {
			log.enlarged++;
		},
		close() {
			log.closed++;
		},
	};
	return { transport, log };
}

function encode(replies: readonly Reply[], sequence: number): Uint8Array {
	return Buffer.concat(
		replies.map((reply) => {
			const body = reply.body ?? new Uint8Array(0);
			const bytes = new Uint8Array(16 + ((body.byteLength + 3) & ~3));
			const view = new DataView(bytes.buffer);
			view.setUint32(0, 16 + body.byteLength, true);
			view.setUint16(4, reply.type, true);
			view.setUint16(6, reply.flags ?? 0, true);
			view.setUint32(8, reply.sequence ?? sequence, true);
			view.setUint32(12, reply.portId ?? portId, true);
			bytes.set(body, 16);
			return bytes;
		}),
	);
}

/** `struct nlmsgerr`; the copy of the request is its header alone when capped. */
function ack(errno: number, { request, capped = true, tlvs = [], ...reply }: Partial<Reply> & AckOptions = {}): Reply {
	const original = request === undefined ? new Uint8Array(16) : headerAndBody(request);
	const copy = capped ? original.subarray(0, 16) : Buffer.concat([original, Buffer.alloc(-original.length & 3)]);
	const code = new Uint8Array(new Int32Array([-errno]).buffer);
	const flags = (capped ? NLM_F_CAPPED : 0) | (tlvs.length > 0 ? NLM_F_ACK_TLVS : 0);
	return { type: NLMSG_ERROR, flags, body: Buffer.concat([code, copy, encodeAttributes(tlvs)]), ...reply };
}

interface AckOptions {
	readonly request?: ReceivedMessage | undefined;
	readonly capped?: boolean;
	readonly tlvs?: readonly Attribute[];
}

function headerAndBody({ type, flags, sequence, body }: ReceivedMessage): Uint8Array {
	return encode([{ type, flags, sequence, body }], sequence);
}

const text = (words: string) => [attribute.string(1, words)];
const object = (value: number, flags = NLM_F_MULTI): Reply => ({
	type: 16,
	flags,
	body: new Uint8Array([value, 0, 0, 0]),
});
const done: Reply = { type: NLMSG_DONE, flags: NLM_F_MULTI, body: new Uint8Array(4) };
const overflow = new SystemError("recv", Errno.ENOBUFS);

function thrownBy(action: () => unknown): unknown {
	try {
		action();
	} catch (thrown) {
		return thrown;
	}
	throw new Error("nothing was thrown");
}

describe("a request", () => {
	test("that is acknowledged returns", () => {
		const { transport } = fakeKernel([() => [[ack(0)]]]);
		createConversation(transport).request(message);
	});

	test.each([
		["capped", true],
		["with a copy of the request", false],
	])("that is refused throws errno and the kernel's words (%s)", (_, capped) => {
		const answer = ([request]: readonly ReceivedMessage[]): Answer => [
			[ack(Errno.EEXIST, { request, capped, tlvs: text("Device exists, really") })],
		];
		const error = thrownBy(() => createConversation(fakeKernel([answer]).transport).request(message));
		expect(error).toBeInstanceOf(NetlinkError);
		expect(error).toMatchObject({
			errno: Errno.EEXIST,
			kernelText: "Device exists, really",
			message: "file exists (the kernel says: Device exists, really)",
		});
	});

	test("that is refused without words throws errno alone", () => {
		const { transport } = fakeKernel([() => [[ack(Errno.EPERM)]]]);
		expect(thrownBy(() => createConversation(transport).request(message))).toMatchObject({
			errno: Errno.EPERM,
			kernelText: "",
			message: "operation not permitted",
		});
	});

	test("that succeeds with a warning of the kernel returns", () => {
		const { transport } = fakeKernel([() => [[ack(0, { tlvs: text("deprecated") })]]]);
		createConversation(transport).request(message);
	});

	test("takes no answer that was meant for another", () => {
		const others = [
			ack(Errno.EPERM, { sequence: 4000 }),
			ack(Errno.EPERM, { portId: 1 }),
			ack(Errno.EPERM, { sequence: 0 }),
		];
		const { transport } = fakeKernel([() => [others, [ack(Errno.EPERM, { portId: 0 }), ack(0)]]]);
		createConversation(transport).request(message);
	});

	test("is not confused by the rest of an answer that was given up", () => {
		const { transport } = fakeKernel([
			() => [[object(1)], overflow, [object(2), done]],
			() => [[object(7), done]],
			() => [[ack(0)]],
		]);
		const conversation = createConversation(transport);
		expect(conversation.dump(message).map(({ body }) => body[0])).toEqual([7]);
		conversation.request(message);
	});

	test("that the kernel could not answer, its buffer being full, throws", () => {
		const { transport } = fakeKernel([() => [overflow]]);
		expect(thrownBy(() => createConversation(transport).request(message))).toMatchObject({ errno: Errno.ENOBUFS });
	});

	test.each([
		["within a header", 15],
		["within a message", 30],
	])("whose answer is cut off %s throws, and does not wait for more", (_, length) => {
		const { transport } = fakeKernel([
			(requests) => [encode([ack(0)], requests[0]?.sequence ?? 0).subarray(0, length)],
		]);
		const error = thrownBy(() => createConversation(transport).request(message));
		expect(error).toMatchObject({
			message: `Cannot read a netlink datagram of ${length} bytes: it ends within a message`,
		});
	});

	test("whose answer claims a length below that of its header throws", () => {
		const datagram = new Uint8Array(16);
		datagram[0] = 4;
		const { transport } = fakeKernel([() => [datagram]]);
		expect(thrownBy(() => createConversation(transport).request(message))).toMatchObject({
			message: expect.stringContaining("it ends within a message"),
		});
	});
});

describe("several requests", () => {
	const acks =
		(errnoOf: (index: number) => number) =>
		(requests: readonly ReceivedMessage[]): Answer => [
			requests.map(({ sequence }, index) => ack(errnoOf(index), { sequence })),
		];

	test("go in one datagram, and each gets its own answer", () => {
		const { transport, log } = fakeKernel([acks((index) => (index === 1 ? Errno.ENODEV : 0))]);
		const errors = createConversation(transport).requestAll([message, message, message]);
		expect(errors.map((error) => error?.errno)).toEqual([undefined, Errno.ENODEV, undefined]);
		expect(log.sends).toEqual([3]);
	});

	test("may be answered out of order and in several datagrams", () => {
		const answer = ([a, b]: readonly ReceivedMessage[]): Answer => [
			[ack(Errno.EEXIST, { sequence: b?.sequence ?? 0 })],
			[ack(0, { sequence: a?.sequence ?? 0 })],
		];
		const errors = createConversation(fakeKernel([answer]).transport).requestAll([message, message]);
		expect(errors.map((error) => error?.errno)).toEqual([undefined, Errno.EEXIST]);
	});

	test("of which there are none send nothing", () => {
		const { transport, log } = fakeKernel([]);
		expect(createConversation(transport).requestAll([])).toEqual([]);
		expect(log.sends).toEqual([]);
	});

	test("are no more at once than their acknowledgements fit into the kernel's buffer", () => {
		const answers = Array.from({ length: 4 }, () => acks((index) => (index === 5 ? Errno.EEXIST : 0)));
		const { transport, log } = fakeKernel(answers);
		const errors = createConversation(transport).requestAll(new Array<Message>(200).fill(message));
		expect(log.sends).toEqual([64, 64, 64, 8]);
		expect(errors).toHaveLength(200);
		expect(errors.flatMap((error, index) => (error === undefined ? [] : [index]))).toEqual([5, 69, 133, 197]);
	});
});

describe("a question for one object", () => {
	test("returns it, also when the acknowledgement comes with it", () => {
		const { transport } = fakeKernel([() => [[object(1, 0)], [ack(0)]], () => [[object(2, 0), ack(0)]]]);
		const conversation = createConversation(transport);
		expect(conversation.find(message, Errno.ENODEV)?.body[0]).toBe(1);
		expect(conversation.find(message, Errno.ENODEV)?.body[0]).toBe(2);
	});

	test("has no answer where the kernel says that there is none, and is an error for any other reason", () => {
		const { transport } = fakeKernel([() => [[ack(Errno.ENODEV)]], () => [[ack(Errno.EPERM)]]]);
		const conversation = createConversation(transport);
		expect(conversation.find(message, Errno.ENODEV)).toBeUndefined();
		expect(thrownBy(() => conversation.find(message, Errno.ENODEV))).toMatchObject({ errno: Errno.EPERM });
	});
});

describe("a dump", () => {
	test("that ends with an errno and nothing else throws it", () => {
		const refusal = { ...done, body: new Uint8Array(new Int32Array([-Errno.EPERM]).buffer) };
		const { transport } = fakeKernel([() => [[object(1)], [refusal]]]);
		expect(thrownBy(() => createConversation(transport).dump(message))).toMatchObject({ errno: Errno.EPERM });
	});

	test("that ends without any errno has ended well", () => {
		const { transport } = fakeKernel([() => [[object(1)], [{ ...done, body: new Uint8Array(0) }]]]);
		expect(createConversation(transport).dump(message)).toHaveLength(1);
	});

	const bodies = (messages: readonly ReceivedMessage[]) => messages.map(({ body }) => body[0]);

	test("gathers the objects of all datagrams", () => {
		const { transport } = fakeKernel([() => [[object(1), object(2)], [object(3)], [done]]]);
		expect(bodies(createConversation(transport).dump(message))).toEqual([1, 2, 3]);
	});

	test("of nothing is empty", () => {
		const { transport } = fakeKernel([() => [[done]]]);
		expect(createConversation(transport).dump(message)).toEqual([]);
	});

	test.each([
		["an object", [object(1, NLM_F_MULTI | NLM_F_DUMP_INTR), done]],
		["its end", [object(1), { ...done, flags: NLM_F_MULTI | NLM_F_DUMP_INTR }]],
	])("that the kernel marks as interrupted at %s is begun again", (_, interrupted) => {
		const { transport, log } = fakeKernel([() => [interrupted], () => [[object(8), done]]]);
		expect(bodies(createConversation(transport).dump(message))).toEqual([8]);
		expect(log.sends).toEqual([1, 1]);
	});

	test("that overflows the kernel's buffer is begun again with a larger one, without what was left of the first", () => {
		const { transport, log } = fakeKernel([
			() => [[object(1)], overflow, [object(2)], [done]],
			() => [[object(3)], [object(4), done]],
		]);
		expect(bodies(createConversation(transport).dump(message))).toEqual([3, 4]);
		expect(log.enlarged).toBe(1);
	});

	test("that never holds still ends with an error that says so", () => {
		const interrupted = () => [[object(1, NLM_F_DUMP_INTR), done]];
		const { transport, log } = fakeKernel(Array.from({ length: 20 }, () => interrupted));
		expect(thrownBy(() => createConversation(transport).dump(message))).toMatchObject({
			message: expect.stringMatching(/^Cannot read the kernel's objects: they changed during each of 10 attempts/),
		});
		expect(log.sends).toHaveLength(10);
	});

	test.each<[string, Reply]>([
		["at once", ack(Errno.EINVAL, { tlvs: text("bad filter") })],
		[
			"at its end",
			{
				...done,
				flags: NLM_F_MULTI | NLM_F_ACK_TLVS,
				body: Buffer.concat([
					new Uint8Array(new Int32Array([-Errno.EINVAL]).buffer),
					encodeAttributes(text("bad filter")),
				]),
			},
		],
	])("that the kernel refuses %s throws its words", (_, refusal) => {
		const { transport } = fakeKernel([() => [[refusal]]]);
		expect(thrownBy(() => createConversation(transport).dump(message))).toMatchObject({
			errno: Errno.EINVAL,
			kernelText: "bad filter",
		});
	});
});

test("the end of the conversation closes the socket", () => {
	const { transport, log } = fakeKernel([]);
	{
		using _conversation = createConversation(transport);
	}
	expect(log.closed).toBe(1);
});
