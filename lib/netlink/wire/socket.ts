import { closeInBackground } from "../../linux/close-in-background.ts";
import { Errno, errnoOf, SystemError } from "../../linux/errno.ts";
import {
	AF_NETLINK,
	bind,
	close,
	getsockname,
	MSG_PEEK,
	MSG_TRUNC,
	receive,
	SOCK_RAW,
	send,
	setsockoptInt,
	socket,
} from "../../linux/libc.ts";
import { NetlinkError } from "./error.ts";
import {
	decodeAcknowledgement,
	decodeMessages,
	encodeMessage,
	type Message,
	NLM_F_ACK,
	NLM_F_DUMP,
	NLM_F_DUMP_INTR,
	NLMSG_DONE,
	NLMSG_ERROR,
	type ReceivedMessage,
} from "./message.ts";

export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;

const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;

/** How often a dump that the kernel marks as interrupted, or whose answer overflowed the buffer, is begun again. */
const dumpAttempts = 10;

/**
 * A netlink socket. It belongs to the network namespace in which it was opened, whatever namespace the thread is in
 * when it is used. Requests are synchronous: sent, and answered before the call returns.
 */
export interface NetlinkSocket extends Disposable {
	/** Sends one request and waits for its acknowledgement. @throws NetlinkError */
	request(message: Message): void;
	/**
	 * Sends all requests in one system call, so that a killed process leaves all or none of them done, and waits for
	 * every acknowledgement. The kernel goes on after one that fails. @returns an error or undefined for each request
	 */
	requestAll(messages: readonly Message[]): readonly (NetlinkError | undefined)[];
	/** Sends one request and returns the messages of its answer. @throws NetlinkError */
	get(message: Message): readonly ReceivedMessage[];
	/** All objects that a dump yields, from one consistent run. @throws NetlinkError */
	dump(message: Message): readonly ReceivedMessage[];
	/**
	 * Sends the messages in one datagram, as they are, and returns the answers up to the one that `isLast` accepts; for
	 * nftables' batches.
	 */
	exchange(messages: readonly Message[], isLast: (answer: Answer) => boolean): readonly Answer[];
}

/** What the kernel answers to one message of several. */
export interface Answer {
	/** Of the message that it answers, in the order of sending. */
	readonly index: number;
	readonly message: ReceivedMessage;
}

/** Opens a socket of the given netlink family in the thread's current namespace. @throws SystemError */
export function openNetlinkSocket(protocol: number): NetlinkSocket {
	const fd = socket(AF_NETLINK, { type: SOCK_RAW, protocol });
	try {
		for (const option of [NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK]) enable(fd, option);
		bind(fd, sockaddr());
		const name = sockaddr();
		getsockname(fd, name);
		const portId = new DataView(name.buffer).getUint32(4, true);
		return new Conversation(fd, { portId, close: protocol === NETLINK_NETFILTER ? closeInBackground : close });
	} catch (thrown) {
		close(fd);
		throw thrown;
	}
}

/** Old kernels lack some of these options; everything works without them, with less to say. */
function enable(fd: number, option: number): void {
	try {
		setsockoptInt(fd, { level: SOL_NETLINK, option, value: 1 });
	} catch (thrown) {
		if (!(thrown instanceof SystemError)) throw thrown;
	}
}

/** `struct sockaddr_nl` of the kernel (port 0), which also asks for a port when bound. */
function sockaddr(): Uint8Array {
	const address = new Uint8Array(12);
	address[0] = AF_NETLINK;
	return address;
}

class Conversation implements NetlinkSocket {
	readonly #fd: number;
	readonly #portId: number;
	readonly #close: (fd: number) => void;
	#sequence = 1;
	#buffer = new Uint8Array(32 * 1024);

	constructor(fd: number, { portId, close }: { portId: number; close: (fd: number) => void }) {
		this.#fd = fd;
		this.#portId = portId;
		this.#close = close;
	}

	request(message: Message): void {
		const [error] = this.requestAll([message]);
		if (error !== undefined) throw error;
	}

	requestAll(messages: readonly Message[]): readonly (NetlinkError | undefined)[] {
		if (messages.length === 0) return [];
		const first = this.#send(messages.map((message) => ({ ...message, flags: (message.flags ?? 0) | NLM_F_ACK })));
		const errors = new Array<NetlinkError | undefined>(messages.length);
		for (let open = messages.length; open > 0; ) {
			for (const answer of this.#receive(first, messages.length)) {
				if (answer.type !== NLMSG_ERROR) continue;
				const { errno, text } = decodeAcknowledgement(answer);
				if (errno !== 0) errors[answer.sequence - first] = new NetlinkError(errno, text);
				open--;
			}
		}
		return errors;
	}

	get(message: Message): readonly ReceivedMessage[] {
		const first = this.#send([{ ...message, flags: (message.flags ?? 0) | NLM_F_ACK }]);
		const answers: ReceivedMessage[] = [];
		for (;;) {
			for (const answer of this.#receive(first, 1)) {
				if (answer.type !== NLMSG_ERROR) {
					answers.push(answer);
					continue;
				}
				const { errno, text } = decodeAcknowledgement(answer);
				if (errno !== 0) throw new NetlinkError(errno, text);
				return answers;
			}
		}
	}

	dump(message: Message): readonly ReceivedMessage[] {
		for (let attempt = 1; ; attempt++) {
			const objects = this.#dumpOnce(message);
			if (objects !== undefined) return objects;
			if (attempt === dumpAttempts) {
				throw new Error(
					`Cannot read the kernel's objects: they changed during each of ${dumpAttempts} attempts. Try again when fewer containers start and stop`,
				);
			}
		}
	}

	exchange(messages: readonly Message[], isLast: (answer: Answer) => boolean): readonly Answer[] {
		const first = this.#send(messages);
		const answers: Answer[] = [];
		for (;;) {
			for (const message of this.#receive(first, messages.length)) {
				const answer = { index: message.sequence - first, message };
				answers.push(answer);
				if (isLast(answer)) return answers;
			}
		}
	}

	[Symbol.dispose](): void {
		this.#close(this.#fd);
	}

	/** The objects of one run of the dump, or undefined when it has to be begun again. */
	#dumpOnce(message: Message): readonly ReceivedMessage[] | undefined {
		const first = this.#send([{ ...message, flags: (message.flags ?? 0) | NLM_F_DUMP }]);
		const objects: ReceivedMessage[] = [];
		let interrupted = false;
		for (;;) {
			let answers: readonly ReceivedMessage[];
			try {
				answers = this.#receive(first, 1);
			} catch (thrown) {
				// The kernel dropped part of the answer: it is incomplete, and what is still queued belongs to it.
				if (errnoOf(thrown) !== Errno.ENOBUFS) throw thrown;
				this.#enlargeKernelBuffer();
				return undefined;
			}
			for (const answer of answers) {
				interrupted ||= (answer.flags & NLM_F_DUMP_INTR) !== 0;
				if (answer.type === NLMSG_DONE || answer.type === NLMSG_ERROR) {
					const { errno, text } = decodeAcknowledgement(answer);
					if (errno !== 0) throw new NetlinkError(errno, text);
					return interrupted ? undefined : objects;
				}
				objects.push(answer);
			}
		}
	}

	/** Sends the messages in one datagram; returns the sequence number of the first, the others follow it. */
	#send(messages: readonly Message[]): number {
		const first = this.#sequence;
		this.#sequence += messages.length;
		const encoded = messages.map((message, index) =>
			encodeMessage(message, { sequence: first + index, portId: this.#portId }),
		);
		const datagram = encoded.length === 1 && encoded[0] !== undefined ? encoded[0] : Buffer.concat(encoded);
		send(this.#fd, { data: datagram, address: sockaddr() });
		return first;
	}

	/**
	 * The next datagram's messages, those meant for another request left out: answers to a request that was given up
	 * after an error may still be queued.
	 */
	#receive(first: number, count: number): readonly ReceivedMessage[] {
		const size = receive(this.#fd, { buffer: this.#buffer, flags: MSG_PEEK | MSG_TRUNC });
		if (size > this.#buffer.byteLength) this.#buffer = new Uint8Array(size);
		const length = receive(this.#fd, { buffer: this.#buffer });
		// Callers keep the messages, and the buffer is used again.
		return decodeMessages(this.#buffer.slice(0, length)).filter(
			({ sequence, portId }) => portId === this.#portId && sequence >= first && sequence < first + count,
		);
	}

	#enlargeKernelBuffer(): void {
		try {
			setsockoptInt(this.#fd, { level: SOL_SOCKET, option: SO_RCVBUFFORCE, value: 16 * 1024 * 1024 });
		} catch (thrown) {
			if (!(thrown instanceof SystemError)) throw thrown;
		}
	}
}
