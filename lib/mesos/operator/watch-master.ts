import type { AgentSource, Sighting } from "../../cluster/agent-source.ts";
import { AttemptError } from "../../http/attempt-error.ts";
import type { Connect } from "../../http/connect.ts";
import { authorityOf, type InternetEndpoint } from "../../http/endpoint.ts";
import { FileError } from "../../http/file-error.ts";
import { Errno, errnoOf, errnoText } from "../../linux/errno.ts";
import { createAgentLedger, type LedgerEvent } from "./agent-ledger.ts";
import { type AgentsQuestion, askForAgents } from "./agents-question.ts";
import { backoffMs } from "./backoff.ts";
import { createMasterConnection, type MasterConnection, Redirected } from "./master-connection.ts";
import type { MasterEvent } from "./master-event.ts";
import { type Subscription, subscribe } from "./subscription.ts";

export interface WatchOptions {
	/** At least one. */
	readonly masters: readonly InternetEndpoint[];
	readonly connect: Connect;
	/** The field Authorization of a request; undefined for somebody who needs none. @throws FileError */
	readonly authorization: () => string | undefined;
	/** Between questions for all agents. */
	readonly pollIntervalMs: number;
	readonly reregisterTimeoutMs: number;
	readonly connectTimeoutMs: number;
	readonly known: readonly string[];
	/** Milliseconds that do not go back; what deadlines of `connect` are times of. */
	readonly clock: () => number;
	readonly sleep: (milliseconds: number) => void;
	readonly random: () => number;
	readonly log: (line: string) => void;
}

/** So often may a redirection lead to the next. */
const mostRedirections = 5;

/** Questions that events make us ask come so close at most. */
const questionGapMs = 1000;

/** For an answer to a question, from its last bytes on. */
const answerPatienceMs = 30_000;

/** While a question is open, the stream is looked at as often. */
const sliceMs = 100;

/** Said once each, and so many of them. */
const mostReports = 100;

/** Watches the agents of the master that leads. */
export function watchMaster(options: WatchOptions): AgentSource {
	const { masters, connect, authorization, pollIntervalMs, connectTimeoutMs, clock, sleep, random, log } = options;
	const ledger = createAgentLedger(options);
	/** What is to be told, the last word of each agent. */
	const pending = new Map<string, Sighting>();

	let subscription: Subscription | undefined;
	let isSubscribed = false;
	let streams = 0;
	/** Whom this round has yet to try. */
	let candidates: InternetEndpoint[] = [];
	let redirections = 0;
	let failedRounds = 0;
	/** The connection that is being made was begun then. */
	let connectingSince: number | undefined;
	let nextRoundAt = Number.NEGATIVE_INFINITY;

	let question: (AgentsQuestion & { readonly askedAt: number }) | undefined;
	let isAsked = false;
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
		isAsked ||= ask;
		for (const sighting of sightings) {
			pending.delete(sighting.agent);
			pending.set(sighting.agent, sighting);
		}
	};

	/**
	 * Begins a conversation over a new connection.
	 *
	 * @throws SystemError ETIMEDOUT when `deadline` comes before the time that a connection may take is over
	 */
	const converse = <T>(
		endpoint: InternetEndpoint,
		{ deadline, about }: { deadline: number; about: (connection: MasterConnection) => T },
	): T => {
		const connection = open(endpoint, deadline);
		try {
			return about(connection);
		} catch (thrown) {
			connection[Symbol.dispose]();
			throw thrown;
		}
	};

	const open = (endpoint: InternetEndpoint, deadline: number): MasterConnection => {
		connectingSince ??= clock();
		const end = connectingSince + connectTimeoutMs;
		try {
			const field = authorization();
			const stream = connect(endpoint, Math.min(deadline, end));
			connectingSince = undefined;
			return createMasterConnection(endpoint, { stream, authorization: field, clock });
		} catch (thrown) {
			if (errnoOf(thrown) === Errno.ETIMEDOUT && clock() < end) throw thrown;
			connectingSince = undefined;
			if (errnoOf(thrown) === Errno.ETIMEDOUT) throw new AttemptError("no connection in time", { sent: false });
			throw thrown;
		}
	};

	const begin = (deadline: number) => {
		if (candidates.length === 0) candidates = [...masters];
		const [endpoint] = candidates;
		if (endpoint === undefined) return;
		try {
			const about = (connection: MasterConnection) => subscribe(connection, { deadline, report });
			subscription = converse(endpoint, { deadline, about });
		} catch (thrown) {
			if (errnoOf(thrown) !== Errno.ETIMEDOUT) failed(endpoint, thrown);
		}
	};

	/** Goes on with the next master, or with the next round after a while. */
	const failed = (endpoint: InternetEndpoint, thrown: unknown) => {
		const wasSubscribed = isSubscribed;
		close();
		if (thrown instanceof Redirected && redirections++ < mostRedirections) {
			candidates = [thrown.to, ...(wasSubscribed ? [] : candidates.slice(1))];
			return;
		}
		const cause = thrown instanceof Redirected ? "redirections have no end" : causeOf(thrown);
		redirections = 0;
		candidates = wasSubscribed ? [] : candidates.slice(1);
		if (candidates.length > 0) {
			log(`Cannot watch agents at "${endpoint.url}": ${cause}`);
			return;
		}
		const pauseMs = backoffMs(failedRounds++, random());
		nextRoundAt = clock() + pauseMs;
		const what = wasSubscribed ? "No longer watching" : "Cannot watch";
		log(`${what} agents at "${endpoint.url}": ${cause}. Trying again in ${(pauseMs / 1000).toFixed(1)} s`);
	};

	const close = () => {
		subscription?.[Symbol.dispose]();
		subscription = undefined;
		isSubscribed = false;
		question?.[Symbol.dispose]();
		question = undefined;
		connectingSince = undefined;
	};

	const take = ({ connection, masterId }: Subscription, event: MasterEvent) => {
		if (event.kind !== "subscribed") {
			apply(event);
			return;
		}
		const address = authorityOf(connection.endpoint);
		if (!isSubscribed) {
			log(`Watching agents at "${connection.endpoint.url}"`);
			isSubscribed = true;
			streams++;
			candidates = [];
			redirections = 0;
			failedRounds = 0;
			lastQuestionAt = clock();
		}
		apply({ kind: "master", master: { id: masterId() ?? `stream ${streams} of ${address}`, address } });
		if (event.lists === undefined) isAsked = true;
		else apply({ kind: "lists", lists: event.lists, askedAt: ledger.position() });
	};

	/** Reads what comes until something is to be told, and then what is there already. */
	const listen = (current: Subscription, { deadline, waiting }: { deadline: number; waiting: boolean }) => {
		const { connection } = current;
		try {
			for (;;) {
				const isAwaited = waiting && pending.size === 0;
				const end = Math.min(deadline, connection.heardAt() + current.patienceMs(), nextQuestionAt());
				const events = current.read(isAwaited ? end : clock());
				for (const event of events) take(current, event);
				// Whoever always has something to say would keep us here.
				if (clock() >= deadline) return;
			}
		} catch (thrown) {
			if (errnoOf(thrown) !== Errno.ETIMEDOUT) return failed(connection.endpoint, thrown);
		}
		const silentMs = clock() - connection.heardAt();
		if (silentMs >= current.patienceMs()) {
			failed(connection.endpoint, new Error(`it has been silent for ${(silentMs / 1000).toFixed(1)} s`));
		}
	};

	const nextQuestionAt = () =>
		!isSubscribed || question !== undefined
			? Number.POSITIVE_INFINITY
			: lastQuestionAt + Math.min(isAsked ? questionPauseMs : pollIntervalMs, pollIntervalMs);

	const ask = (endpoint: InternetEndpoint, deadline: number) => {
		try {
			const askedAt = ledger.position();
			const about = (connection: MasterConnection) => askForAgents(connection, { deadline, report });
			question = { ...converse(endpoint, { deadline, about }), askedAt };
			lastQuestionAt = clock();
			isAsked = false;
		} catch (thrown) {
			if (errnoOf(thrown) !== Errno.ETIMEDOUT) unanswered(thrown);
		}
	};

	const unanswered = (thrown: unknown) => {
		question?.[Symbol.dispose]();
		question = undefined;
		lastQuestionAt = clock();
		questionPauseMs = backoffMs(failedQuestions++, random());
		isAsked = true;
		const endpoint = subscription?.connection.endpoint;
		if (endpoint === undefined) return;
		// It leads no more, and its stream will end.
		if (thrown instanceof Redirected) return failed(endpoint, thrown);
		log(`Cannot ask "${endpoint.url}" for its agents: ${causeOf(thrown)}`);
	};

	const hear = (open: NonNullable<typeof question>, current: Subscription, deadline: number) => {
		try {
			const answer = open.read(deadline) ?? open.read(deadline);
			if (answer === undefined) return;
			question = undefined;
			open[Symbol.dispose]();
			if (answer.masterId !== current.masterId()) {
				return failed(current.connection.endpoint, new Error("another master answers there than did before"));
			}
			failedQuestions = 0;
			questionPauseMs = questionGapMs;
			apply({ kind: "lists", lists: answer.lists, askedAt: open.askedAt });
		} catch (thrown) {
			if (errnoOf(thrown) !== Errno.ETIMEDOUT) return unanswered(thrown);
			if (clock() - open.connection.heardAt() >= answerPatienceMs) unanswered(new Error("no answer in time"));
		}
	};

	const advance = (deadline: number) => {
		if (subscription === undefined) {
			const now = clock();
			if (now >= nextRoundAt || candidates.length > 0) return begin(deadline);
			return sleep(Math.max(0, Math.min(nextRoundAt, deadline) - now));
		}
		if (clock() >= nextQuestionAt()) ask(subscription.connection.endpoint, deadline);
		if (subscription !== undefined && question !== undefined) {
			hear(question, subscription, Math.min(deadline, clock() + sliceMs));
			if (subscription !== undefined) listen(subscription, { deadline, waiting: false });
			return;
		}
		if (subscription !== undefined) listen(subscription, { deadline, waiting: true });
	};

	return {
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

/** Some of it may have been said by the other side. */
function causeOf(thrown: unknown): string {
	return describe(thrown)
		.slice(0, 500)
		.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "?");
}

function describe(thrown: unknown): string {
	if (thrown instanceof AttemptError) {
		return thrown.refusal === undefined ? thrown.message : `${thrown.message}. ${thrown.refusal}`;
	}
	if (thrown instanceof FileError) return `${thrown.message}. ${thrown.details}`;
	const errno = errnoOf(thrown);
	if (errno !== 0) return errnoText(errno);
	return thrown instanceof Error ? thrown.message : String(thrown);
}
