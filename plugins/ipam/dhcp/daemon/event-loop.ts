import { bootTime } from "../../../../lib/linux/libc.ts";
import { POLLIN, poll } from "../../../../lib/linux/poll.ts";

/** Waits for descriptors and times, and calls whoever waits for them, one after the other: nothing runs beside another. */
export interface EventLoop {
	/** Milliseconds since the machine was started. */
	now(): number;
	/** Calls `action` whenever the descriptor can be read or has failed, until it is forgotten. */
	watch(fd: number, action: () => void): void;
	forget(fd: number): void;
	/** Calls `action` once, at that time or soon after. */
	at(time: number, action: () => void): Timer;
	/** Goes on until `stop`. */
	run(): void;
	stop(): void;
}

export interface Timer {
	cancel(): void;
}

/** What an action throws goes to `report`: an error of one lease is none of the others'. */
export function createEventLoop(report: (thrown: unknown) => void): EventLoop {
	const watched = new Map<number, () => void>();
	const timers = new Set<{ readonly time: number; readonly action: () => void }>();
	let running = true;
	const attempt = (action: () => void) => {
		try {
			action();
		} catch (thrown) {
			report(thrown);
		}
	};
	const callDue = () => {
		const now = bootTime();
		for (const timer of [...timers]) {
			// It may have been cancelled by the one before.
			if (timer.time > now || !timers.delete(timer)) continue;
			attempt(timer.action);
		}
	};
	const wait = () => {
		const next = Math.min(...Array.from(timers, ({ time }) => time));
		const fds = [...watched.keys()];
		const timeoutMs = Math.max(0, next - bootTime());
		const ready = poll(
			fds.map((fd) => ({ fd, events: POLLIN })),
			Number.isFinite(timeoutMs) ? timeoutMs : undefined,
		);
		for (const [index, fd] of fds.entries()) {
			const action = watched.get(fd);
			if (ready[index] === true && action !== undefined) attempt(action);
		}
	};
	return {
		now: bootTime,
		watch: (fd, action) => watched.set(fd, action),
		forget: (fd) => watched.delete(fd),
		at(time, action) {
			const timer = { time, action };
			if (Number.isFinite(time)) timers.add(timer);
			return { cancel: () => timers.delete(timer) };
		},
		run() {
			while (running) {
				callDue();
				if (running) wait();
			}
		},
		stop() {
			running = false;
		},
	};
}
