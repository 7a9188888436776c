import type { Shared } from "../cni/shared.ts";

/** How what an attachment has in the firewall is removed. */
export interface Removal {
	/** For whoever is not the runtime. Asked under the lock, before anything is changed: false leaves everything as it is. */
	readonly onlyIf?: (() => boolean) | undefined;
	/** What the call has open, if it is one of a runtime. */
	readonly shared?: Shared | undefined;
}
