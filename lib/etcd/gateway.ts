import { AttemptError } from "../http/attempt-error.ts";
import type { Endpoint } from "../http/endpoint.ts";
import type { HttpResponse } from "../http/exchange.ts";
import { sleep } from "../linux/libc.ts";
import { EtcdError } from "./error.ts";
import type { Post } from "./post.ts";

/**
 * etcd's JSON gateway: gRPC's requests as JSON over HTTP. https://etcd.io/docs/v3.4/dev-guide/api_grpc_gateway/
 *
 * A request goes to the members one after the other until one answers, and so may be carried out more than once, or after
 * we have given up: what changes anything has to compare first.
 */
export interface Gateway {
	/** When nothing is asked any more: a time of `performance.now()`. */
	readonly deadline: number;
	/** POSTs `body` to `/v3/<path>` and returns the answer. @throws EtcdError */
	call(path: string, body: object): Promise<Readonly<Record<string, unknown>>>;
}

export interface GatewayOptions {
	/** At least one; the first that answers is asked. */
	readonly endpoints: readonly Endpoint[];
	/** For all calls together, from now on. */
	readonly timeoutMs: number;
	readonly post: Post;
	readonly login?: Login | undefined;
}

/** Who we are, for an etcd that wants to know. */
export interface Login {
	readonly user: string;
	/** @throws EtcdError when it cannot be read */
	password(): string;
	/** The token of an earlier login, undefined where there is none. */
	recall(): string | undefined;
	remember(token: string): void;
}

export function createGateway({ endpoints, timeoutMs, post, login }: GatewayOptions): Gateway {
	const deadline = performance.now() + timeoutMs;
	let first = 0;
	let token: string | undefined;

	/** One round through the members, beginning with the one that answered last. */
	const round = async (path: string, body: string): Promise<Round> => {
		const failures: Failure[] = [];
		for (let tried = 0; tried < endpoints.length; tried++) {
			const at = (first + tried) % endpoints.length;
			const endpoint = endpoints[at];
			if (endpoint === undefined) break;
			// Those that come after need time too.
			const now = performance.now();
			const share = now + (deadline - now) / (endpoints.length - tried);
			const headers = token === undefined ? {} : { Authorization: token };
			try {
				const response = await post(endpoint, { path: `/v3/${path}`, headers, body, deadline: share });
				const answer = judge(response, path);
				if (answer.kind !== "failed") {
					first = at;
					return answer;
				}
				failures.push({ endpoint, sent: true, ...answer });
			} catch (thrown) {
				if (!(thrown instanceof AttemptError)) throw thrown;
				const { message: cause, sent, refusal } = thrown;
				failures.push({ endpoint, cause, sent, passes: false, refusal });
			}
		}
		return { kind: "away", failures };
	};

	/** Repeats rounds while etcd looks for a leader. */
	const ask = async (path: string, body: string): Promise<Exclude<Round, { kind: "away" }>> => {
		const all: Failure[] = [];
		for (;;) {
			const result = await round(path, body);
			if (result.kind !== "away") return result;
			all.push(...result.failures);
			const passes = result.failures.some((failure) => failure.passes);
			if (!passes || performance.now() + retryMs > deadline) throw away(result.failures, all);
			sleep(retryMs);
		}
	};

	const authenticate = async ({ user, password, remember }: Login): Promise<void> => {
		token = undefined;
		const result = await ask("auth/authenticate", JSON.stringify({ name: user, password: password() }));
		// Where authentication is off, everybody may do everything.
		if (result.kind === "refused" && result.message.includes("authentication is not enabled")) return;
		if (result.kind === "refused")
			throw refused(`as "${user}": ${result.message}`, helpFor(result.message) || loginHelp);
		token = String(result.answer.token);
		remember(token);
	};

	return {
		deadline,
		async call(path, body) {
			const text = JSON.stringify(body);
			token ??= login?.recall();
			if (login !== undefined && token === undefined) await authenticate(login);
			let result = await ask(path, text);
			if (result.kind === "refused" && login !== undefined && isStaleToken(result.message)) {
				await authenticate(login);
				result = await ask(path, text);
			}
			if (result.kind === "refused") throw refused(result.message, helpFor(result.message));
			return result.answer;
		},
	};
}

/** An election takes a second or two. */
const retryMs = 100;

type Round =
	| { readonly kind: "answered"; readonly answer: Readonly<Record<string, unknown>> }
	| { readonly kind: "refused"; readonly message: string }
	| { readonly kind: "away"; readonly failures: readonly Failure[] };

interface Failure {
	readonly endpoint: Endpoint;
	readonly cause: string;
	readonly sent: boolean;
	/** A matter of seconds. */
	readonly passes: boolean;
	/** What would help where time does not. */
	readonly refusal?: string | undefined;
}

/** Codes of gRPC: deadline exceeded, unavailable. */
const passingCodes: readonly unknown[] = [4, 14];

/** What a proxy says whose members are away. */
const passingStatuses: readonly number[] = [502, 503, 504];

function judge(
	{ status, body }: HttpResponse,
	path: string,
): Exclude<Round, { kind: "away" }> | ({ kind: "failed" } & Omit<Failure, "endpoint" | "sent">) {
	const answer = parseObject(body);
	// This one, of all that it says, is plain text.
	if (answer === undefined && body.includes(commonNameRefused)) return { kind: "refused", message: body.trim() };
	if (answer === undefined || !isOfEtcd(answer, { status, path })) {
		const cause = `no answer of etcd, but HTTP status ${status}: ${shorten(body)}`;
		const passes = passingStatuses.includes(status);
		return { kind: "failed", cause, passes, refusal: passes ? undefined : strangerHelp };
	}
	if (status === 200) return { kind: "answered", answer };
	const message = String(answer.message ?? answer.error);
	if (passingCodes.includes(answer.code) || message.includes("too many requests")) {
		return { kind: "failed", cause: message, passes: true };
	}
	return { kind: "refused", message };
}

/** Whatever it says of keys has a header, and each of its errors says what is wrong. */
function isOfEtcd(
	{ header, message, error }: Readonly<Record<string, unknown>>,
	{ status, path }: { status: number; path: string },
): boolean {
	if (status !== 200) return (message ?? error) !== undefined;
	return header !== undefined || !path.startsWith("kv/");
}

const commonNameRefused = "CommonName of client";

const strangerHelp = 'Something else than etcd 3.4 or later listens there: check "endpoints"';

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
	try {
		const value: unknown = JSON.parse(text);
		return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
	} catch {
		return undefined;
	}
}

function shorten(text: string): string {
	return JSON.stringify(text.length > 120 ? `${text.slice(0, 119)}…` : text.trim());
}

function isStaleToken(message: string): boolean {
	return staleTokens.some((text) => message.includes(text));
}

/** It is unknown or too old, or older (a JWT) than the last change of users and roles. */
const staleTokens: readonly string[] = ["invalid auth token", "user name is empty", "revision of auth store is old"];

const loginHelp = 'Check "user" and what stands in "passwordFile"';

function helpFor(message: string): string {
	if (message.includes("user name is empty")) return 'etcd wants to know who asks: set "user" and "passwordFile"';
	if (message.includes(commonNameRefused)) {
		return 'While etcd has authentication on, the certificate in "certFile" must have no common name (CN)';
	}
	if (message.includes("permission denied")) return 'The user needs a role that may read and write below "prefix"';
	if (message.includes("database space exceeded"))
		return "etcd is full: compact and defragment it, then disarm the alarm";
	return "";
}

function refused(cause: string, details: string): EtcdError {
	return new EtcdError(`etcd refuses ${cause}`, { kind: "refused", details });
}

/** The last round says what is the matter, all of them whether anything was sent. */
function away(last: readonly Failure[], all: readonly Failure[]): EtcdError {
	const causes = last.map(({ endpoint, cause }) => `"${endpoint.url}": ${cause}`).join("; ");
	const isAway = last.some(({ refusal }) => refusal === undefined);
	return new EtcdError(`Cannot reach etcd at ${causes}`, {
		kind: isAway ? "away" : "refused",
		details: (isAway ? undefined : last[0]?.refusal) ?? 'Check "endpoints", and whether etcd runs and has a leader',
		unsure: all.some(({ sent }) => sent),
	});
}
