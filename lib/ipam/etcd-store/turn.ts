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
	/** Waits for the turn; whether that took any time. Who has waited for too long goes on without. */
	take(): Promise<boolean>;
	end(): void;
}

const pollMs = 2;

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
		async take() {
			if (tryTake()) return false;
			while (!tryTake() && performance.now() < gateway.deadline) sleep(pollMs);
			return true;
		},
		end,
		[Symbol.dispose]: end,
	};
}
