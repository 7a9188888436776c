import type { InternetEndpoint } from "../../http/endpoint.ts";
import { backoffMs } from "./backoff.ts";

/** Which master is tried when: one after the other, whoever is said to lead in between, and a pause when none is left. */
export interface Rounds {
	/** Undefined during a pause. */
	next(now: number): InternetEndpoint | undefined;
	pausedUntil(): number;
	/** The next one leads, and what comes after it begins anew. */
	succeeded(): void;
	/** The next one is of no use. @returns for how long nobody is tried, undefined where another one is left */
	failed(now: number): number | undefined;
	/** The next one has named another. @returns false when there have been too many of that kind, and nothing has changed */
	redirected(to: InternetEndpoint): boolean;
}

/** So often may one master lead to the next. */
const mostRedirections = 5;

export function createRounds(masters: readonly InternetEndpoint[], random: () => number): Rounds {
	let left: readonly InternetEndpoint[] = [];
	let redirections = 0;
	let failedRounds = 0;
	let pausedUntil = Number.NEGATIVE_INFINITY;
	return {
		next(now) {
			if (left.length === 0 && now >= pausedUntil) left = masters;
			return left[0];
		},
		pausedUntil: () => pausedUntil,
		succeeded() {
			left = [];
			redirections = 0;
			failedRounds = 0;
		},
		failed(now) {
			left = left.slice(1);
			redirections = 0;
			if (left.length > 0) return undefined;
			const pauseMs = backoffMs(failedRounds++, random());
			pausedUntil = now + pauseMs;
			return pauseMs;
		},
		redirected(to) {
			if (redirections === mostRedirections) return false;
			redirections++;
			left = [to, ...left.slice(1)];
			return true;
		},
	};
}
