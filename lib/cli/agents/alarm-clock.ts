/** Waiting that can be cut short: by a ring, or for good by the signal's end. */
export interface AlarmClock {
	/** Until the time is over or the bell rings, whichever comes first. A ring while nobody waits counts for the next. */
	wait(milliseconds: number): Promise<void>;
	ring(): void;
}

export function createAlarmClock(signal: AbortSignal): AlarmClock {
	let isRinging = false;
	let wake: (() => void) | undefined;
	const ring = () => {
		isRinging = true;
		wake?.();
	};
	signal.addEventListener("abort", ring);
	return {
		ring,
		async wait(milliseconds) {
			if (!isRinging && !signal.aborted) {
				await new Promise<void>((resolve) => {
					const timer = setTimeout(resolve, milliseconds);
					wake = () => {
						clearTimeout(timer);
						resolve();
					};
				});
				wake = undefined;
			}
			isRinging = false;
		},
	};
}
