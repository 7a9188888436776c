import type { NetworkAttachment } from "../../cni/attachment-tag.ts";
import type { IpAddress } from "../../ip/address.ts";
import type { SandboxIdentity } from "../../state/sandbox-identity.ts";

/** Something on the host that tells of an attachment. */
export interface Witness {
	readonly attachment: NetworkAttachment;
	/** What it is, for reasons: `the cached result`, `the record of port maps`. */
	readonly source: string;
	/** Where the interface is: with the namespace's identity, where the witness knows it. */
	readonly sandbox: SandboxIdentity;
	/** Of the container, as far as the witness knows them. */
	readonly addresses: readonly IpAddress[];
	/** When it was written, in milliseconds since the epoch. */
	readonly since: number | undefined;
}

/** In the place of a path: that of a namespace which exists, wherever it is. */
export const connectedSandbox = "(the other end of a link)";
