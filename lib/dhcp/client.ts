import { type IpAddress, sameAddress } from "../ip/address.ts";
import { sameBytes } from "../linux/same-bytes.ts";
import { discover, prolongation, randomTransaction, request } from "./client-messages.ts";
import type {
	BoundState,
	ClientState,
	Context,
	Goal,
	Offer,
	ProlongingState,
	Question,
	RequestingState,
	SelectingState,
	Step,
} from "./client-state.ts";
import { addressOf, type Lease, leaseOf, timesOf } from "./lease.ts";
import type { DhcpMessage } from "./message.ts";
import { MessageType, Option } from "./options.ts";

/*
 * The client of RFC 2131 as a function: state and event in, state and effects out. Clock and randomness are passed in, and
 * what is to be sent comes out, so that nothing in here knows a kernel.
 *
 *     selecting ──offer──▶ requesting ──ack──▶ bound ──T1──▶ renewing ──T2──▶ rebinding
 *         ▲                    │                 ▲              │ack             │ack
 *         │◀───────nak─────────┘                 └──────────────┴────────────────┘
 *         │◀──────────────────────────── lost: nak, or the lease's end ──────────┘
 *
 * After a loss nothing else than the lost address is accepted: whoever has started the container has been told that one.
 */

/** Begins to ask for a first address. */
export function begin(context: Context): Step {
	return select(context, { refusals: 0, giveUpAt: context.now + context.timing.budgetMs });
}

/** Goes on with a lease of earlier, such as one that was kept on disk. */
export function resume(lease: Lease): ClientState {
	return { phase: "bound", lease, wakeAt: lease.times.renewAt };
}

/** Goes on asking for a lease that was lost earlier. */
export function regain(context: Context, lost: Lease): Step {
	return select(context, { refusals: 0, lost });
}

/** The time of `wakeAt` has come. */
export function awake(state: ClientState, context: Context): Step {
	switch (state.phase) {
		case "selecting":
		case "requesting":
			return askAgain(state, context);
		case "bound":
		case "renewing":
		case "rebinding":
			return prolong(state, context);
		case "ended":
			return { state, effects: [] };
	}
}

/** A message has come in from the hardware address `via`; one that answers no question changes nothing. */
export function hear(
	state: ClientState,
	{ message, via, context }: { message: DhcpMessage; via: Uint8Array; context: Context },
): Step {
	const unchanged = { state, effects: [] };
	if (state.phase === "bound" || state.phase === "ended") return unchanged;
	if (message.transaction !== state.transaction) return unchanged;
	if (!sameBytes(message.hardwareAddress, context.identity.hardwareAddress)) return unchanged;
	const server = addressOf(message.options.get(Option.serverIdentifier));
	switch (state.phase) {
		case "selecting":
			if (message.type !== MessageType.offer || server === undefined) return unchanged;
			return consider(state, { offer: { address: message.yourAddress, server, via }, context });
		case "requesting":
			// A refusal need not say who refuses.
			if (!sameAddress(server ?? state.offer.server, state.offer.server)) return unchanged;
			if (message.type === MessageType.nak) return refused(state, context);
			return message.type === MessageType.ack ? acknowledged(state, { message, via }) : unchanged;
		case "renewing":
		case "rebinding":
			return answered(state, { message, via, context, server });
	}
}

function select(context: Context, goal: Goal): Step {
	const pause = Math.min(soonMs, context.timing.firstDelayMs);
	const state: SelectingState = { phase: "selecting", goal, ...question(context, pause) };
	return { state: withinBudget(state), effects: [discover(state, context)] };
}

/** The server's answer got lost, or there is none: the same again, or from the beginning, or no more. */
function askAgain(state: SelectingState | RequestingState, context: Context): Step {
	const { goal } = state;
	if (goal.lost === undefined && context.now >= goal.giveUpAt) return failed("no more tries");
	if (state.phase === "requesting" && state.timesSent >= requestAttempts) return select(context, goal);
	const timesSent = state.timesSent + 1;
	const pause = timesSent === 1 ? Math.min(soonMs, context.timing.firstDelayMs) : delay(context, timesSent - 2);
	const again = withinBudget({ ...state, timesSent, wakeAt: context.now + pause });
	const effect = again.phase === "selecting" ? discover(again, context) : request(again, context);
	return { state: again, effects: [effect] };
}

/**
 * The first question is repeated so soon. An interface that has just come up says that it can send before a bridge in front
 * of it passes anything on.
 */
const soonMs = 200;

/** An offer is asked for so often; RFC 2131 section 3.1 suggests four times in a minute. */
const requestAttempts = 3;

function consider(state: SelectingState, { offer, context }: { offer: Offer; context: Context }): Step {
	const { goal } = state;
	if (offer.address.value === 0n) return { state, effects: [] };
	if (goal.lost !== undefined && !sameAddress(offer.address, goal.lost.address.address)) {
		return { state, effects: [{ kind: "ignored", offer }] };
	}
	const { timing, now } = context;
	const requesting: RequestingState = withinBudget({
		phase: "requesting",
		goal,
		offer,
		// The transaction of the offer goes on.
		transaction: state.transaction,
		since: now,
		timesSent: 1,
		wakeAt: now + timing.firstDelayMs,
	});
	return { state: requesting, effects: [{ kind: "accepting", offer }, request(requesting, context)] };
}

/** At once the first time; a server that goes on offering what it refuses is asked ever more rarely. */
function refused({ goal }: RequestingState, context: Context): Step {
	const again = { ...goal, refusals: goal.refusals + 1 };
	if (goal.refusals === 0) return select(context, again);
	const waiting: SelectingState = {
		phase: "selecting",
		goal: again,
		...question(context, delay(context, goal.refusals - 1)),
	};
	return { state: withinBudget({ ...waiting, timesSent: 0 }), effects: [] };
}

function acknowledged(
	{ goal, offer, since }: RequestingState,
	{ message, via }: { message: DhcpMessage; via: Uint8Array },
): Step {
	const { server } = offer;
	if (goal.lost !== undefined) {
		if (!sameAddress(message.yourAddress, goal.lost.address.address)) return failed("another address was acknowledged");
		return bound({ ...goal.lost, server, via, times: timesOf(message.options, since) });
	}
	const lease = leaseOf(message, { server, via, from: since });
	return lease === undefined ? failed("DHCP option Subnet Mask not found in DHCPACK") : bound(lease);
}

/** T1, T2 and the end of a lease, whichever has come; and the questions between them. RFC 2131 section 4.4.5 */
function prolong(state: BoundState | ProlongingState, context: Context): Step {
	const { lease } = state;
	const { now, timing } = context;
	const { renewAt, rebindAt, expiresAt } = lease.times;
	if (now >= expiresAt) return lose(lease, { reason: "expired", context });
	if (now < renewAt) return { state: resume(lease), effects: [] };
	const phase = now < rebindAt ? "renewing" : "rebinding";
	const end = phase === "renewing" ? rebindAt : expiresAt;
	// Half of the time that is left, and not more often than at first.
	const pause = Math.max((end - now) / 2, timing.firstDelayMs);
	const wakeAt = Math.min(now + pause, end);
	const again: ProlongingState =
		state.phase === phase
			? { ...state, timesSent: state.timesSent + 1, wakeAt }
			: { phase, lease, ...question(context, 0), wakeAt };
	return { state: again, effects: [prolongation(again, context)] };
}

interface Heard {
	readonly message: DhcpMessage;
	readonly via: Uint8Array;
	readonly context: Context;
	readonly server: IpAddress | undefined;
}

function answered(state: ProlongingState, { message, via, context, server }: Heard): Step {
	const { lease } = state;
	const unchanged = { state, effects: [] };
	// When every server is asked, any may answer.
	const answers = state.phase === "rebinding" || sameAddress(server ?? lease.server, lease.server);
	if (!answers) return unchanged;
	if (message.type === MessageType.nak) return lose(lease, { reason: "refused", context });
	if (message.type !== MessageType.ack || !sameAddress(message.yourAddress, lease.address.address)) return unchanged;
	const times = timesOf(message.options, state.since);
	return bound({ ...lease, server: server ?? lease.server, via, times });
}

function bound(lease: Lease): Step {
	return { state: resume(lease), effects: [{ kind: "bound", lease }] };
}

function lose(lease: Lease, { reason, context }: { reason: "expired" | "refused"; context: Context }): Step {
	const { state, effects } = regain(context, lease);
	return { state, effects: [{ kind: "lost", lease, reason }, ...effects] };
}

function failed(reason: string): Step {
	return { state: { phase: "ended", wakeAt: Number.POSITIVE_INFINITY }, effects: [{ kind: "failed", reason }] };
}

function question({ now, random }: Context, pause: number): Question {
	return { transaction: randomTransaction(random), since: now, timesSent: 1, wakeAt: now + pause };
}

/** With some chance in it, so that many clients that have begun together do not go on together. */
function delay({ timing, random }: Context, attempts: number): number {
	const { firstDelayMs, largestDelayMs } = timing;
	const exact = Math.min(firstDelayMs * 2 ** Math.min(attempts, 20), Math.max(firstDelayMs, largestDelayMs));
	return exact + (random() - 0.5) * Math.min(exact / 5, 2000);
}

function withinBudget<S extends SelectingState | RequestingState>(state: S): S {
	const { goal } = state;
	return goal.lost === undefined ? { ...state, wakeAt: Math.min(state.wakeAt, goal.giveUpAt) } : state;
}
