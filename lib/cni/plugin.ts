import type { CommonConfig } from "./common-keys.ts";
import type { Delegate } from "./delegate.ts";
import type { Ipam } from "./ipam.ts";
import type { Log } from "./log.ts";
import type { Result } from "./result.ts";
import type { Schema } from "./schema.ts";
import type { Shared } from "./shared.ts";
import type { SpecVersion } from "./version.ts";

/**
 * The seam: what a plugin of any type declares. The frame (`frame.ts`) does the rest: environment, decoding, version
 * gates, the check that the sandbox is not the host's namespace, encoding, errors.
 *
 * Laws, which the contract suite holds every plugin to: after ADD, CHECK succeeds; after any one change of what ADD
 * made, CHECK names that change; DEL succeeds any number of times, in any state, without namespace and without
 * prevResult; a failed ADD leaves nothing; GC removes what belongs to this network and to no valid attachment.
 */
export interface Plugin<Config extends CommonConfig = CommonConfig> {
	/** The name of the executable and the `type` in configurations. */
	readonly type: string;
	/** Versions of the specification it serves. */
	readonly versions: readonly SpecVersion[];
	readonly schema: Schema<Config>;
	/** Makes the attachment, or nothing. @throws CniError */
	add(request: AddRequest<Config>): Result | Promise<Result>;
	/** @throws CniError naming what is not as ADD left it. */
	check(request: AttachmentRequest<Config>): void | Promise<void>;
	/** Removes whatever is left of the attachment; what is gone already is success. */
	del(request: AttachmentRequest<Config>): void | Promise<void>;
	/** Removes whatever this network still holds for attachments that are not in `validAttachments`. */
	gc(request: GcRequest<Config>): void | Promise<void>;
	/** @throws CniError with code 50 or 51 when an ADD could not succeed now. */
	status(request: NetworkRequest<Config>): void | Promise<void>;
}

/** What every verb is told. */
export interface NetworkRequest<Config> {
	readonly config: Config;
	/** The network's name, validated. */
	readonly network: string;
	readonly cniVersion: SpecVersion;
	/** The configuration as it came, decoded but not interpreted. */
	readonly document: Readonly<Record<string, unknown>>;
	/** Its text, which alone shows what `document` cannot: a key that an object has twice. */
	readonly stdin: () => Uint8Array | string;
	/** The IPAM plugin that `ipam.type` names, or undefined for a network without addresses. */
	readonly ipam: Ipam | undefined;
	/** Another plugin of CNI_PATH, called in the place of this one. It need not exist; calling it says so. */
	readonly delegate: (type: string) => Delegate;
	/** What is opened once in a call, for the plugins that take part in it. */
	readonly shared: Shared;
	readonly log: Log;
}

/** ADD, CHECK and DEL speak of one attachment: one interface of one container on one network. */
export interface AttachmentRequest<Config> extends NetworkRequest<Config> {
	readonly containerId: string;
	readonly ifName: string;
	/** The path of the sandbox's namespace; on DEL it may be empty or name nothing any more. */
	readonly netns: string;
	/** CNI_ARGS as it came; only plugins that know keys of it parse it, with `parseArgs`. */
	readonly args: string;
	/** On DEL undefined also when it could not be read. */
	readonly prevResult: Result | undefined;
}

export interface AddRequest<Config> extends AttachmentRequest<Config> {
	/** Undo steps, run in reverse if the ADD fails later. */
	readonly rollback: Rollback;
}

export interface GcRequest<Config> extends NetworkRequest<Config> {
	readonly validAttachments: readonly Attachment[];
}

/** One attachment of a network, as the runtime names it in `cni.dev/valid-attachments`. */
export interface Attachment {
	readonly containerId: string;
	readonly ifName: string;
}

/** What has been done so far in an ADD, and how to take each step back. */
export interface Rollback {
	/** Registers the undo of a step. Errors of an undo are logged; the error that caused it is the one reported. */
	push(what: string, undo: () => void | Promise<void>): void;
}

/** The name of the network interface or reservation owner: unique among attachments of one network. */
export function sameAttachment(a: Attachment, b: Attachment): boolean {
	return a.containerId === b.containerId && a.ifName === b.ifName;
}
