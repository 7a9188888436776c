import { Errno, errnoOf } from "../../linux/errno.ts";
import { NetlinkError } from "./error.ts";
import {
	decodeAcknowledgement,
	decodeMessages,
	encodeMessages,
	type Message,
	NLM_F_ACK,
	NLM_F_DUMP,
	NLM_F_DUMP_INTR,
	NLMSG_DONE,
	NLMSG_ERROR,
	type ReceivedMessage,
} from "./message.ts";

/**
 * A netlink socket. It belongs to the network namespace in which it was opened, whatever namespace the thread is in
 * when it is used. Requests are synchronous: sent, and answered before the call returns.
 */
export interface NetlinkSocket extends Disposable {
	/** Sends one request and waits for its acknowledgement. @throws NetlinkError */
	request(message: Message): void;
	/**
	 * Sends the requests and waits for every acknowledgement. Up to 64 requests are one system call, so that a killed
	 * process leaves all or none of them done. The kernel goes on after one that fails.
	 *
	 * @returns an error or undefined for each request
	 */
	requestAll(messages: readonly Message[]): readonly (NetlinkError | undefined)[];
	/**
	 * Asks for one object; undefined when the kernel answers with the errno `absent`, or, to a request with NLM_F_ACK, with
	 * an acknowledgement alone. @throws NetlinkError
	 */
	find(message: Message, absent: number): ReceivedMessage | undefined;
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

/** How datagrams come to the kernel and back. */
export interface Transport {
	/** The port that the kernel gave us; answers carry it. */
	readonly portId: number;
	send(datagram: Uint8Array): void;
	/**
	 * The next datagram, whole, in memory that is the caller's.
	 *
	 * @throws SystemError ENOBUFS when the kernel had to drop answers
	 */
	receive(): Uint8Array;
	/** Makes room for more answers at once. */
	enlarge(): void;
	close(): void;
}

/** How often a dump that the kernel marks as interrupted, or whose answer overflowed the buffer, is begun again. */
const dumpAttempts = 10;

/** Acknowledgements of so many requests fit into the smallest buffer that a socket has by default, with room to spare. */
const requestsAtOnce = 64;

/** The requests and answers of one socket. */
export function createConversation(transport: Transport): NetlinkSocket {
	return new Conversation(transport);
}

class Conversation implements NetlinkSocket {
	readonly #transport: Transport;
	#sequence = 1;

	constructor(transport: Transport) {
		this.#transport = transport;
	}

	request(message: Message): void {
		const [error] = this.requestAll([message]);
		if (error !== undefined) throw error;
	}

	requestAll(messages: readonly Message[]): readonly (NetlinkError | undefined)[] {
		if (messages.length <= requestsAtOnce) return this.#requestAtOnce(messages);
		const errors: (NetlinkError | undefined)[] = [];
		for (let start = 0; start < messages.length; start += requestsAtOnce) {
			errors.push(...this.#requestAtOnce(messages.slice(start, start + requestsAtOnce)));
		}
		return errors;
	}

	find(message: Message, absent: number): ReceivedMessage | undefined {
		const first = this.#send([message]);
		for (;;) {
			const [answer] = this.#receive(first, 1);
			if (answer === undefined) continue;
			if (answer.type !== NLMSG_ERROR) return answer;
			const { errno, text } = decodeAcknowledgement(answer);
			if (errno === absent || errno === 0) return undefined;
			throw new NetlinkError(errno, text);
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
		this.#transport.close();
	}

	#requestAtOnce(messages: readonly Message[]): readonly (NetlinkError | undefined)[] {
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
				this.#transport.enlarge();
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
		this.#transport.send(encodeMessages(messages, { sequence: first, portId: this.#transport.portId }));
		return first;
	}

	/**
	 * The next datagram's messages, those meant for another request left out: answers to a request that was given up
	 * after an error may still be queued.
	 */
	#receive(first: number, count: number): readonly ReceivedMessage[] {
		const messages = decodeMessages(this.#transport.receive());
		const { portId } = this.#transport;
		return messages.filter(
			(message) => message.portId === portId && message.sequence >= first && message.sequence < first + count,
		);
	}
}
