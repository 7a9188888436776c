/** What is asked of a running task from outside: to end, and whatever else there are signals for. */
export interface KillRequests {
	readonly wasKilled: boolean;
	/** Hands all further requests to the listener. */
	listen(listener: KillListener): void;
}

export interface KillListener {
	kill(signal: NodeJS.Signals): void;
	forward(signal: NodeJS.Signals): void;
}

const killing = ["SIGTERM", "SIGINT"] as const;
const forwarded = ["SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGCONT"] as const;

/** The signals of this process as requests; none of them ends it any more. */
export function killRequestsFromSignals(): KillRequests {
	let wasKilled = false;
	let listener: KillListener = { kill() {}, forward() {} };
	for (const signal of killing) {
		process.on(signal, () => {
			wasKilled = true;
			listener.kill(signal);
		});
	}
	for (const signal of forwarded) process.on(signal, () => listener.forward(signal));
	return {
		get wasKilled() {
			return wasKilled;
		},
		listen(next) {
			listener = next;
		},
	};
}
