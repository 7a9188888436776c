import { sleep } from "../../linux/libc.ts";
import { lockIn } from "./hint.ts";
import type { Store } from "./store.ts";

/**
 * Looking for a new block is done by one process of an agent at a time, for the others need none once it has one:
 *
 *     <directory>/claim.lock     flock(2), from before a process looks for a block until it has it. It keeps ten processes
 *                                from claiming ten blocks; nothing else depends on it
 */
export class Turn implements Disposable {
	private readonly store: Store;
	private held: Disposable | undefined;

	constructor(store: Store) {
		this.store = store;
	}

	/** Waits for the turn, and ends it when it is not needed any more. Who has waited for too long goes on without. */
	take(isNeedless: () => boolean): void {
		for (let pause = pauseMs.first; !this.tryTake(); pause = Math.min(2 * pause, pauseMs.most)) {
			if (performance.now() > this.store.gateway.deadline) return;
			// Not all at the same moments.
			sleep(pause * (0.5 + Math.random()));
		}
		if (isNeedless()) this.end();
	}

	end(): void {
		this.held?.[Symbol.dispose]();
		this.held = undefined;
	}

	[Symbol.dispose](): void {
		this.end();
	}

	private tryTake(): boolean {
		const { directory, tryLock } = this.store.options;
		this.held ??= lockIn(directory, { name: "claim.lock", lock: tryLock });
		return this.held !== undefined;
	}
}

/** Pauses grow: hundreds that wait would else leave no time to the one that works. */
const pauseMs = { first: 2, most: 64 };
