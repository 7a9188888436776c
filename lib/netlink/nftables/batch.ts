import { Errno } from "../../linux/errno.ts";
import { sleep } from "../../linux/libc.ts";
import { attribute } from "../wire/attributes.ts";
import { NetlinkError } from "../wire/error.ts";
import { decodeAcknowledgement, type Message, NLM_F_ACK, NLMSG_ERROR } from "../wire/message.ts";
import type { NetlinkSocket } from "../wire/socket.ts";
import {
	batchMessage,
	NFNL_MSG_BATCH_BEGIN,
	NFNL_MSG_BATCH_END,
	NFT_MSG_GETGEN,
	nftAttributes,
	nftMessage,
} from "./message.ts";

const NFNL_BATCH_GENID = 1;
const NFTA_GEN_ID = 1;

/** ERESTART: the ruleset is of another generation than the one that the batch was made for. */
export const ERESTART = 85;

/** ENFILE: a set that was made for so many elements has them. */
export const setIsFull = 23;

/** A batch that the kernel refused; nothing of it is done. */
export class BatchError extends NetlinkError {
	/** The place of the refused message in the batch; -1 when the batch as a whole was refused. */
	readonly index: number;

	constructor({ errno, kernelText, index }: { errno: number; kernelText: string; index: number }) {
		super(errno, kernelText);
		this.index = index;
		if (errno === ERESTART) this.message = "the ruleset was changed by somebody else in the meantime";
		if (errno === setIsFull) this.message = "a set of it has as many elements as it can hold";
	}
}

/**
 * Does all of the messages, or none: one transaction of nf_tables, in one system call. With `generation`, only while
 * the ruleset is still the one that was read after {@link readGeneration}.
 *
 * @throws BatchError for the first message that the kernel refused
 */
export function commit(
	socket: NetlinkSocket,
	messages: readonly Message[],
	{ generation }: { generation?: number } = {},
): void {
	if (messages.length === 0) return;
	// An answer is asked for the last message only: errors come for every message, and in their order.
	const last = messages.length - 1;
	const batch = [
		batchMessage(NFNL_MSG_BATCH_BEGIN, generation === undefined ? [] : [attribute.u32be(NFNL_BATCH_GENID, generation)]),
		...messages.map((message, index) =>
			index === last ? { ...message, flags: (message.flags ?? 0) | NLM_F_ACK } : message,
		),
		batchMessage(NFNL_MSG_BATCH_END, []),
	];
	const answers = socket.exchange(batch, ({ index, message }) => {
		// What concerns the batch as a whole is answered to its first message: before the others, or alone.
		return message.type === NLMSG_ERROR && (index === 0 || index === messages.length);
	});
	for (const { index, message } of answers) {
		if (message.type !== NLMSG_ERROR) continue;
		const { errno, text } = decodeAcknowledgement(message);
		if (errno !== 0) throw new BatchError({ errno, kernelText: text, index: index - 1 });
	}
}

/** The number of the ruleset's present generation; every commit by anybody makes a new one. */
export function readGeneration(socket: NetlinkSocket): number {
	const answer = socket.find(nftMessage(NFT_MSG_GETGEN, {}), Errno.ENOENT);
	return answer === undefined ? 0 : (nftAttributes(answer).u32be(NFTA_GEN_ID) ?? 0);
}

/** What others' commits between our reading and changing show as, and how often that is believed. */
const disturbances: Readonly<Record<number, number>> = {
	[ERESTART]: 200,
	[Errno.EAGAIN]: 50,
	[Errno.EBUSY]: 50,
	// Also what a kernel says that lacks an expression or a type of chain; that does not change.
	[Errno.ENOENT]: 5,
};

/**
 * Runs `attempt` until it is not disturbed: reading the ruleset and changing it are two steps, and what others commit
 * in between shows as ERESTART (another generation), ENOENT (what was to be changed is gone), or EBUSY.
 *
 * @throws what the last attempt threw
 */
export function retryDisturbed<T>(attempt: () => T): T {
	for (let tries = 1; ; tries++) {
		try {
			return attempt();
		} catch (thrown) {
			if (!(thrown instanceof BatchError) || tries >= (disturbances[thrown.errno] ?? 0)) throw thrown;
			// Many at once would disturb each other again and again, were they all to repeat in step.
			if (tries > 3) sleep(Math.random() * Math.min(tries, 3));
		}
	}
}
