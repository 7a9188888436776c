import type { Result } from "./result.ts";

/**
 * The IPAM plugin of a network as the calling plugin sees it; the delegation itself is `delegate.ts`. Every method
 * takes the caller's own request along: same environment, same configuration, another verb.
 */
export interface Ipam {
	/** `ipam.type` of the configuration. */
	readonly type: string;
	/** @throws CniError of the IPAM plugin, unchanged */
	add(): Promise<Result>;
	check(): Promise<void>;
	del(): Promise<void>;
	gc(): Promise<void>;
	status(): Promise<void>;
}
