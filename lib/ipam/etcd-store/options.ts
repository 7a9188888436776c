import type { Attachment } from "../../cni/plugin.ts";
import type { EtcdError } from "../../etcd/error.ts";
import type { Gateway } from "../../etcd/gateway.ts";
import type { BlockLengths } from "./block.ts";
import type { Lock } from "./hint.ts";

export interface EtcdStoreOptions {
	readonly gateway: Gateway;
	/** Of all keys, without a slash at its end. */
	readonly prefix: string;
	/** The network's name, validated. */
	readonly network: string;
	/** The name of this agent, which no other has. */
	readonly agent: string;
	readonly blockLengths: BlockLengths;
	/** Whether to take addresses out of blocks of other agents when no block is left. */
	readonly borrow: boolean;
	/** How long a released address rests. */
	readonly cooldownMs: number;
	/** The key of the label by which a task is known again. */
	readonly tokenLabel: string;
	/** For what this agent keeps of the network on its disk. */
	readonly directory: string;
	/** Opens a file, which it creates, under flock(2); throws with errno ENOENT when there is no such directory. */
	readonly lock: Lock;
	/** Takes flock(2) on a file without waiting; undefined when somebody else holds it. */
	readonly tryLock: (path: string) => Disposable | undefined;
	/** Says that a release could not be done, and will be. */
	readonly postponed: (owner: Attachment, cause: EtcdError) => void;
	/** Milliseconds since the epoch. */
	readonly now?: () => number;
}
