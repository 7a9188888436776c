import type { NetworkAttachment } from "../../cni/attachment-tag.ts";
import type { PluginRegistry } from "../../cni/call.ts";
import type { Log } from "../../cni/log.ts";
import type { IpAddress } from "../../ip/address.ts";
import type { Survey } from "../survey/survey.ts";

/** Whose something is, as far as it tells. */
export interface Owner extends Partial<NetworkAttachment> {
	/** What the attachment's tags begin with: it alone decides, where it is known. */
	readonly prefix?: string | undefined;
	/** That the owner has, or had. */
	readonly addresses?: readonly IpAddress[] | undefined;
}

/**
 * `sure`: no living container can own it. `likely`: everything speaks for that, and nothing proves it. `unsure`: it may be
 * somebody's, or not be one of ours. `lives`: it is somebody's, and nothing to report.
 */
export type Certainty = "sure" | "likely" | "unsure" | "lives";

export interface Verdict {
	readonly certainty: Certainty;
	/** One sentence without its full stop. */
	readonly reason: string;
}

/** Something that a container has, or had, and what is to be thought of it. */
export interface Finding {
	/** Tells it from others of its kind, in every survey. */
	readonly key: string;
	/** `address 10.1.2.3`, `chain "CNI-…"`; texts from outside are quoted. */
	readonly what: string;
	/** A path, or a place in the kernel. */
	readonly where: string;
	readonly owner: Owner;
	readonly verdict: Verdict;
	/** What `remove` does, where it is not to take the thing away: `add it to …`. */
	readonly remedy?: string;
	/**
	 * Takes it away, under the locks that plugins take for it. What is gone already is success. What its owner has changed
	 * since it was found stays.
	 */
	remove(): void | Promise<void>;
}

export interface Look {
	readonly survey: Survey;
	/** What is younger may be of an ADD or DEL that is under way. */
	readonly minAgeMs: number;
	readonly plugins: PluginRegistry;
	readonly log: Log;
}

/** The seam: one kind of things that containers leave behind. A file of `kinds/` each. */
export interface FindingKind {
	/** `reservation` */
	readonly name: string;
	/** Looks and changes nothing; what lives is found too. @throws CniError when it cannot look */
	find(look: Look): readonly Finding[] | Promise<readonly Finding[]>;
	/** Held during the second look and the removal, where plugins take it for this kind and `remove` does not. */
	lock?(): Disposable;
}
