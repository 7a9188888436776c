import { expect, test } from "@jest/globals";
import { BatchError, commit, ERESTART, retryDisturbed } from "../../../lib/netlink/nftables/batch.ts";
import { addTable } from "../../../lib/netlink/nftables/table.ts";
import { attribute } from "../../../lib/netlink/wire/attributes.ts";
import { type Message, NLM_F_ACK } from "../../../lib/netlink/wire/message.ts";
import type { Answer, NetlinkSocket } from "../../../lib/netlink/wire/socket.ts";

const messages = [addTable({ family: "inet", table: "a" }), addTable({ family: "inet", table: "b" })];
const EPERM = 1;
const ENOENT = 2;
const EBUSY = 16;

test("a batch is one datagram with a begin, an end, and one acknowledgement asked for", () => {
	const { socket, sent } = socketWith([[2, 0]]);
	commit(socket, messages);
	expect(sent.map(({ type, flags = 0 }) => [type, flags & NLM_F_ACK])).toEqual([
		[0x10, 0],
		[0xa00, 0],
		[0xa00, NLM_F_ACK],
		[0x11, 0],
	]);
	expect(sent[0]?.attributes).toEqual([]);
});

test("the generation is said in the begin, in network order", () => {
	const { socket, sent } = socketWith([[2, 0]]);
	commit(socket, messages, { generation: 258 });
	expect(sent[0]?.attributes).toEqual([attribute.u32be(1, 258)]);
});

test("nothing to do sends nothing", () => {
	const { socket, sent } = socketWith([]);
	commit(socket, []);
	expect(sent).toEqual([]);
});

test("an error of a message is thrown with the place of the message, although later ones succeed", () => {
	const { socket } = socketWith([
		[1, EBUSY],
		[2, 0],
	]);
	expect(thrownBy(() => commit(socket, messages))).toMatchObject({ errno: EBUSY, index: 0 });
});

test.each([
	["a wrong generation", ERESTART, "changed by somebody else"],
	["missing rights", EPERM, "operation not permitted"],
])("%s refuses the batch as a whole, and nothing more is waited for", (_, errno, text) => {
	const { socket } = socketWith([[0, errno]]);
	const thrown = thrownBy(() => commit(socket, messages));
	expect(thrown).toMatchObject({ errno, index: -1 });
	expect(String(thrown)).toContain(text);
});

test.each([ERESTART, ENOENT, EBUSY])("errno %d is tried again, up to success", (errno) => {
	let tries = 0;
	const result = retryDisturbed(() => {
		if (++tries < 3) throw new BatchError({ errno, kernelText: "", index: -1 });
		return "done";
	});
	expect([result, tries]).toEqual(["done", 3]);
});

test("other errors are not tried again, and disturbances not for ever", () => {
	const failing = (errno: number) => {
		let tries = 0;
		const thrown = thrownBy(() =>
			retryDisturbed(() => {
				tries++;
				throw new BatchError({ errno, kernelText: "", index: 0 });
			}),
		);
		return { thrown, tries };
	};
	expect(failing(EPERM)).toMatchObject({ tries: 1, thrown: { errno: EPERM } });
	expect(failing(EBUSY)).toMatchObject({ tries: 50, thrown: { errno: EBUSY } });
	expect(failing(ENOENT)).toMatchObject({ tries: 5, thrown: { errno: ENOENT } });
});

function thrownBy(action: () => void): unknown {
	try {
		action();
	} catch (thrown) {
		return thrown;
	}
	return undefined;
}

/** A socket that answers with these errors: pairs of the message's index and errno. */
function socketWith(answers: readonly (readonly [number, number])[]): { socket: NetlinkSocket; sent: Message[] } {
	const sent: Message[] = [];
	const unused = () => {
		throw new Error("not expected");
	};
	const socket: NetlinkSocket = {
		request: unused,
		requestAll: unused,
		find: unused,
		dump: unused,
		exchange(datagram, isLast) {
			sent.push(...datagram);
			const received: Answer[] = [];
			for (const [index, errno] of answers) {
				const body = new Uint8Array(20);
				new DataView(body.buffer).setInt32(0, -errno, true);
				const answer = { index, message: { type: 2, flags: 0x100, sequence: index, portId: 1, body } };
				received.push(answer);
				if (isLast(answer)) return received;
			}
			throw new Error("The end of the answers was not seen");
		},
		[Symbol.dispose]: () => {},
	};
	return { socket, sent };
}
