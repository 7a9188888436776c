import type { AgentSource } from "../../../../lib/cluster/agent-source.ts";
import { authorityOf, parseInternetEndpoint } from "../../../../lib/http/endpoint.ts";
import { Errno, SystemError } from "../../../../lib/linux/errno.ts";
import type { Stream } from "../../../../lib/linux/stream.ts";
import { type WatchOptions, watchMaster } from "../../../../lib/mesos/operator/watch-master.ts";
import * as messages from "../../../support/mesos-messages.ts";

/** A master that a test plays. */
export interface FakeMaster {
	/** `away` refuses connections, `deaf` takes no notice of them, `slow` takes its time, `mute` never answers. */
	state: "leads" | "away" | "deaf" | "slow" | "mute";
	/** Answers a call by itself: bytes of HTTP, undefined to answer as usual. */
	answer: (call: string) => string | undefined;
	id: string;
	lists: messages.MesosLists;
	/** Calls in the order in which they came, with the time. */
	readonly calls: string[];
	/** The headers of the last request. */
	headers: string;
	/** Says something on every stream. */
	say(...events: readonly unknown[]): void;
	sayBytes(bytes: string): void;
	/** Ends every connection. */
	hangUp(): void;
	/** Connections that are open. */
	open(): number;
}

export interface FakeCluster {
	readonly master: (authority: string) => FakeMaster;
	readonly source: AgentSource;
	readonly log: string[];
	now(): number;
	/** Has something done at a time from now. */
	later(milliseconds: number, action: () => void): void;
	/** `lost a`, of one call that waits up to ten seconds unless told otherwise. */
	watch(timeoutMs?: number): Promise<string[]>;
	/** What calls tell until that time has passed. */
	watchFor(milliseconds: number): Promise<string[]>;
}

/** A source, the masters it watches, and a clock that goes on when the source waits. */
export function fakeCluster(urls: readonly string[], options: Partial<WatchOptions> = {}): FakeCluster {
	let now = 0;
	const actions: { readonly at: number; readonly action: () => void }[] = [];
	const masters = new Map<string, FakeMaster & { accept(): Stream }>();
	const log: string[] = [];

	/** Lets time pass until something is so. */
	const pass = (deadline: number, isEnough: () => boolean = () => false) => {
		while (!isEnough()) {
			actions.sort((one, other) => one.at - other.at);
			const next = actions[0];
			if (next === undefined || next.at > deadline) {
				now = Math.max(now, deadline);
				return;
			}
			actions.shift();
			now = Math.max(now, next.at);
			next.action();
		}
	};
	const timedOut = (deadline: number): never => {
		pass(deadline);
		throw new SystemError("wait for the other side", Errno.ETIMEDOUT);
	};
	const master = (authority: string) => {
		const known = masters.get(authority) ?? fakeMaster({ now: () => now, pass });
		masters.set(authority, known);
		return known;
	};
	const source = watchMaster({
		masters: urls.flatMap((url) => parseInternetEndpoint(url, 5050) ?? []),
		connect(endpoint) {
			const found = masters.get(authorityOf(endpoint));
			if (found === undefined || found.state === "away") throw new SystemError("connect", Errno.ECONNREFUSED);
			const answersAt = now + (found.state === "slow" ? 400 : 0);
			return {
				finish(deadline) {
					if (found.state === "deaf" || deadline < answersAt) return timedOut(deadline);
					pass(answersAt);
					return found.accept();
				},
				[Symbol.dispose]() {},
			};
		},
		authorization: () => undefined,
		pollIntervalMs: 60_000,
		reregisterTimeoutMs: 600_000,
		connectTimeoutMs: 5000,
		known: [],
		clock: () => now,
		sleep: (milliseconds) => pass(now + milliseconds),
		random: () => 1,
		log: (line) => log.push(line),
		...options,
	});
	const watch = async (timeoutMs = 10_000) =>
		(await source.watch(timeoutMs)).map(({ state, agent }) => `${state} ${agent}`);
	return {
		master,
		source,
		log,
		now: () => now,
		later: (milliseconds, action) => void actions.push({ at: now + milliseconds, action }),
		watch,
		async watchFor(milliseconds) {
			const end = now + milliseconds;
			const told: string[] = [];
			while (now < end) told.push(...(await watch(end - now)));
			return told;
		},
	};
}

interface Time {
	now(): number;
	pass(deadline: number, isEnough: () => boolean): void;
}

function fakeMaster({ now, pass }: Time): FakeMaster & { accept(): Stream } {
	const connections = new Set<{ unread: Buffer; ended: boolean; isStream: boolean }>();
	const self: FakeMaster & { accept(): Stream } = {
		state: "leads",
		answer: () => undefined,
		id: "m1",
		lists: { agents: [] },
		calls: [],
		headers: "",
		say: (...events) => self.sayBytes(events.map(messages.record).join("")),
		sayBytes(bytes) {
			for (const connection of connections) {
				if (connection.isStream) connection.unread = Buffer.concat([connection.unread, Buffer.from(chunk(bytes))]);
			}
		},
		hangUp() {
			for (const connection of connections) connection.ended = true;
		},
		open: () => connections.size,
		accept() {
			const connection = { unread: Buffer.alloc(0), ended: false, isStream: false };
			connections.add(connection);
			return {
				send(data) {
					const [headers = "", body = ""] = Buffer.from(data).toString().split("\r\n\r\n");
					const { type } = JSON.parse(body) as { type: string };
					self.headers = headers;
					self.calls.push(`${type} ${now()}`);
					if (self.state === "mute") return;
					const own = self.answer(type);
					connection.isStream = type === "SUBSCRIBE" && own === undefined;
					connection.unread = Buffer.from(own ?? usualAnswer(self, type));
				},
				receive(buffer, deadline) {
					const hasNews = () => connection.unread.byteLength > 0 || connection.ended;
					pass(deadline, hasNews);
					if (!hasNews()) throw new SystemError("wait for the other side", Errno.ETIMEDOUT);
					const part = connection.unread.subarray(0, buffer.byteLength);
					buffer.set(part);
					connection.unread = connection.unread.subarray(part.byteLength);
					return part.byteLength;
				},
				[Symbol.dispose]: () => void connections.delete(connection),
			};
		},
	};
	return self;
}

function usualAnswer({ id, lists }: FakeMaster, call: string): string {
	if (call === "GET_MASTER") return whole(messages.getMaster(id));
	if (call === "GET_AGENTS") return whole(messages.getAgents(lists));
	const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n";
	return head + chunk(messages.record(messages.subscribed(lists)) + messages.record(messages.heartbeat));
}

/** An answer with a length. */
export function whole(body: unknown, status = "200 OK", fields = ""): string {
	const text = JSON.stringify(body);
	return `HTTP/1.1 ${status}\r\n${fields}Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
}

export const redirection = (to: string) => whole("", "307 Temporary Redirect", `Location: ${to}\r\n`);

function chunk(text: string): string {
	return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}
