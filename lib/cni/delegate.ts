import type { Log } from "./log.ts";
import type { Result } from "./result.ts";
import type { Verb } from "./verb.ts";
import type { SpecVersion } from "./version.ts";

/**
 * Another plugin, called in the place of the one that is being served: same network, same attachment, same
 * environment. It runs in this process where CNI_PATH leads to this very executable, and is executed otherwise.
 */
export interface Delegate {
	readonly type: string;
	/**
	 * The versions it serves, oldest first, as far as this suite knows them; a foreign executable is asked.
	 * @throws CniError when there is no such executable, or it does not answer
	 */
	versions(): Promise<readonly SpecVersion[]>;
	/** Whether it runs in this process; such a one takes back itself what a failed ADD has made. @throws CniError */
	isOwn(): Promise<boolean>;
	/** @throws CniError its own, unchanged, or one that says why it could not be called */
	run(verb: Verb, request?: DelegateRequest): Promise<DelegateAnswer>;
}

export interface DelegateRequest {
	/** The configuration that it is given; without one it gets that of its caller, byte for byte. */
	readonly document?: Readonly<Record<string, unknown>>;
	/** What the document is to have as `prevResult`: handed over as it is where the delegate runs in this process. */
	readonly prevResult?: Result | undefined;
	/** By default that of its caller. */
	readonly log?: Log;
}

/** What a delegate that has succeeded said. */
export interface DelegateAnswer {
	/** The result of an ADD. @throws CniError when it has printed none: what it made is there all the same */
	result(): Result;
}
