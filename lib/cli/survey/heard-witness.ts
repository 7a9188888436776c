import { attachmentPrefix } from "../../cni/attachment-tag.ts";
import type { SandboxState } from "./sandbox-state.ts";
import type { Witness } from "./witness.ts";

export interface TaggedWitness extends Witness {
	/** What the tags of its attachment begin with. */
	readonly prefix: string;
}

export function tagged(witness: Witness): TaggedWitness {
	return { ...witness, prefix: attachmentPrefix(witness.attachment) };
}

export interface HeardWitness extends TaggedWitness {
	/** What has become of the namespace that it names. */
	readonly state: SandboxState;
}
