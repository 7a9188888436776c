import { sleep } from "../../linux/libc.ts";
import { lockIn } from "./hint.ts";
import type { Store } from "./store.ts";

/**
 * Looking for a new block is done by one process of an agent at a time, for the others need none once it has one:
 *
 *     <directory>/claim.lock     flock(2), from before a process looks for a block until it has it. It keeps ten processes
 *                                from claiming ten blocks; nothing else depends on it
 */
export interface Turn extends Disposable {
	/** Waits for the turn, and ends it when it is not needed any more. Who has waited for too long goes on without. */
	take(isNeedless: () => boolean): void;
	end(): void;
}

/** Pauses grow: hundreds that wait would else leave no time to the one that works. */
const pauseMs = { first: 1, most: 64 };

export function openTurn({ options, gateway }: Store): Turn {
	let held: Disposable | undefined;
	const tryTake = () => {
		held ??= lockIn(options.directory, { name: "claim.lock", lock: options.tryLock });
		return held !== undefined;
	};
	const end = () => {
		held?.[Symbol.dispose]();
		held = undefined;
	};
	return {
		take(isNeedless) {
			for (let pause = pauseMs.first; !tryTake(); pause = Math.min(2 * pause, pauseMs.most)) {
				if (performance.now() > gateway.deadline) return;
				// Not all at the same moments.
				sleep(pause * (0.5 + Math.random()));
			}
			if (isNeedless()) end();
		},
		end,
		[Symbol.dispose]: end,
	};
}
