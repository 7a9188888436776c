import type { AgentSource, Sighting } from "../../cluster/agent-source.ts";
import { authorityOf, type InternetEndpoint } from "../../http/endpoint.ts";
import { Errno, errnoOf } from "../../linux/errno.ts";
import { createAgentLedger, type LedgerEvent, type LedgerOptions } from "./agent-ledger.ts";
import { type AgentsAnswer, type AgentsQuestion, askForAgents } from "./agents-question.ts";
import { backoffMs } from "./backoff.ts";
import { causeOf } from "./cause-of.ts";
import { type MasterConnection, Redirected } from "./master-connection.ts";
import type { AgentLists, MasterEvent } from "./master-event.ts";
import { type ConnectionOptions, conversing } from "./open-connection.ts";
import { createRounds } from "./rounds.ts";
import { type Subscription, subscribe } from "./subscription.ts";

export interface WatchOptions extends ConnectionOptions, LedgerOptions {
	/** At least one. */
	readonly masters: readonly InternetEndpoint[];
	/** Between questions for all agents. */
	readonly pollIntervalMs: number;
	readonly sleep: (milliseconds: number) => void;
	/** From 0 to 1. */
	readonly random: () => number;
	readonly log: (line: string) => void;
}

/** Questions that events make us ask come so close at most. */
const questionGapMs = 1000;

/** For an answer to a question, from its last bytes on. */
const answerPatienceMs = 30_000;

/** While a question is open, the stream is looked at as often. */
const sliceMs = 100;

/** Of agents that are passed over, each is named once, and so many of them. */
const mostReports = 100;

/**
 * Watches the agents of the master that leads: one connection for the stream, which is there all the time, and one for each
 * question. All of it goes on in `watch`, and stays where it is when that ends.
 */
export function watchMaster(options: WatchOptions): AgentSource {
	const { pollIntervalMs, clock, sleep, random, log } = options;
	const ledger = createAgentLedger(options);
	const rounds = createRounds(options.masters, random);
	const converse = conversing(options);
	/** What is to be told, the last word of each agent. */
	const pending = new Map<string, Sighting>();

	let subscription: Subscription | undefined;
	/** The master has told what it knows. */
	let isSubscribed = false;
	/** Whether the master that is listened to has said which agents it has. */
	let isCurrent = false;
	let streams = 0;

	let question: (AgentsQuestion & { readonly askedAt: number }) | undefined;
	/** Somebody wants an answer soon. */
	let isWanted = false;
	let lastQuestionAt = Number.NEGATIVE_INFINITY;
	let questionPauseMs = questionGapMs;
	let failedQuestions = 0;

	const reported = new Set<string>();
	const report = (problem: string) => {
		if (reported.has(problem) || reported.size >= mostReports) return;
		reported.add(problem);
		log(problem);
	};

	const apply = (event: LedgerEvent) => {
		const { sightings, ask } = ledger.apply(event, clock());
		isWanted ||= ask;
		for (const sighting of sightings) {
			pending.delete(sighting.agent);
			pending.set(sighting.agent, sighting);
		}
	};

	const compare = (lists: AgentLists, askedAt: number) => {
		apply({ kind: "lists", lists, askedAt });
		isCurrent = true;
	};

	const advance = (deadline: number) => {
		if (subscription === undefined) return begin(deadline);
		if (clock() >= nextQuestionAt()) ask(subscription.connection.endpoint, deadline);
		if (subscription !== undefined && question !== undefined) {
			hear(question, subscription, Math.min(deadline, clock() + sliceMs));
		}
		if (subscription !== undefined) listen(subscription, { deadline, waits: question === undefined });
	};

	const begin = (deadline: number) => {
		const now = clock();
		const endpoint = rounds.next(now);
		if (endpoint === undefined) return sleep(Math.max(0, Math.min(rounds.pausedUntil(), deadline) - now));
		try {
			const about = (connection: MasterConnection) => subscribe(connection, { deadline, report });
			subscription = converse(endpoint, { deadline, about });
		} catch (thrown) {
			if (!isTimeout(thrown)) leave(endpoint, thrown);
		}
	};

	/** Reads what comes until something is to be told, and then what is there already. */
	const listen = (current: Subscription, { deadline, waits }: { deadline: number; waits: boolean }) => {
		const { connection } = current;
		try {
			for (;;) {
				const end = Math.min(deadline, connection.heardAt() + current.patienceMs(), nextQuestionAt());
				const events = current.read(waits && pending.size === 0 ? end : clock());
				for (const event of events) take(current, event);
				// Whoever always has something to say would keep us here.
				if (clock() >= deadline) return;
			}
		} catch (thrown) {
			if (!isTimeout(thrown)) return leave(connection.endpoint, thrown);
		}
		const silentMs = clock() - connection.heardAt();
		if (silentMs >= current.patienceMs()) {
			leave(connection.endpoint, new Error(`it has been silent for ${(silentMs / 1000).toFixed(1)} s`));
		}
	};

	const take = ({ connection, masterId }: Subscription, event: MasterEvent) => {
		if (event.kind !== "subscribed") return apply(event);
		const address = authorityOf(connection.endpoint);
		if (!isSubscribed) {
			log(`Watching agents at "${connection.endpoint.url}"`);
			isSubscribed = true;
			streams++;
			rounds.succeeded();
			lastQuestionAt = clock();
		}
		apply({ kind: "master", master: { id: masterId() ?? `stream ${streams} of ${address}`, address } });
		if (event.lists !== undefined) return compare(event.lists, ledger.position());
		// Now, as nothing is known yet.
		lastQuestionAt = Number.NEGATIVE_INFINITY;
	};

	/** Ends the stream, and has the next master tried, or the next round after a while. */
	const leave = (endpoint: InternetEndpoint, thrown: unknown) => {
		const what = isSubscribed ? "No longer watching" : "Cannot watch";
		close();
		if (thrown instanceof Redirected && rounds.redirected(thrown.to)) return;
		const cause = thrown instanceof Redirected ? "redirections have no end" : causeOf(thrown);
		const pauseMs = rounds.failed(clock());
		const next = pauseMs === undefined ? "" : `. Trying again in ${(pauseMs / 1000).toFixed(1)} s`;
		log(`${what} agents at "${endpoint.url}": ${cause}${next}`);
	};

	const close = () => {
		converse[Symbol.dispose]();
		subscription?.[Symbol.dispose]();
		subscription = undefined;
		isSubscribed = false;
		isCurrent = false;
		question?.[Symbol.dispose]();
		question = undefined;
	};

	const nextQuestionAt = () => {
		if (!isSubscribed || question !== undefined) return Number.POSITIVE_INFINITY;
		return lastQuestionAt + Math.min(isWanted ? questionPauseMs : pollIntervalMs, pollIntervalMs);
	};

	const ask = (endpoint: InternetEndpoint, deadline: number) => {
		try {
			const askedAt = ledger.position();
			const about = (connection: MasterConnection) => askForAgents(connection, { deadline, report });
			question = { ...converse(endpoint, { deadline, about }), askedAt };
			lastQuestionAt = clock();
			isWanted = false;
		} catch (thrown) {
			if (!isTimeout(thrown)) giveUp(endpoint, thrown);
		}
	};

	const hear = (open: NonNullable<typeof question>, { connection, masterId }: Subscription, deadline: number) => {
		const { endpoint } = connection;
		let answer: AgentsAnswer | undefined;
		try {
			answer = open.read(deadline);
		} catch (thrown) {
			if (!isTimeout(thrown)) return giveUp(endpoint, thrown);
			const isOver = clock() - open.connection.heardAt() >= answerPatienceMs;
			return isOver ? giveUp(endpoint, new Error("no answer in time")) : undefined;
		}
		if (answer === undefined) return;
		open[Symbol.dispose]();
		question = undefined;
		questionPauseMs = questionGapMs;
		failedQuestions = 0;
		if (answer.masterId !== masterId()) {
			return leave(endpoint, new Error("another master answers there than did before"));
		}
		compare(answer.lists, open.askedAt);
	};

	const giveUp = (endpoint: InternetEndpoint, thrown: unknown) => {
		question?.[Symbol.dispose]();
		question = undefined;
		lastQuestionAt = clock();
		questionPauseMs = backoffMs(failedQuestions++, random());
		isWanted = true;
		// It leads no more, and its stream will end.
		if (thrown instanceof Redirected) leave(endpoint, thrown);
		else log(`Cannot ask "${endpoint.url}" for its agents: ${causeOf(thrown)}`);
	};

	return {
		get isCurrent() {
			return isCurrent;
		},
		async watch(timeoutMs) {
			const deadline = clock() + timeoutMs;
			do advance(deadline);
			while (pending.size === 0 && clock() < deadline);
			const told = [...pending.values()];
			pending.clear();
			return told;
		},
		[Symbol.dispose]: close,
	};
}

/** The deadline has passed: what was begun goes on the next time. */
function isTimeout(thrown: unknown): boolean {
	return errnoOf(thrown) === Errno.ETIMEDOUT;
}
