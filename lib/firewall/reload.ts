import type { NetworkAttachment } from "../cni/attachment-tag.ts";
import { errorText } from "../cni/error.ts";
import type { Log } from "../cni/log.ts";
import {
	type FirewallRecord,
	listRecords,
	lockFirewall,
	type RecordKind,
	readRecord,
	recordKinds,
	removeRecord,
} from "../state/firewall-records.ts";
import { isSandboxGone } from "../state/sandbox-identity.ts";
import { isForwardThere, putForward } from "./forward.ts";
import { forwardIn } from "./forward-record.ts";
import { recordedMember } from "./group-record.ts";
import { missingGroups, putGroups } from "./groups.ts";
import { isMasqueradeThere, putMasquerade } from "./masquerade.ts";
import { recordedMasquerade } from "./masquerade-record.ts";
import { isPortMapThere, putPortMap } from "./port-map.ts";
import { recordedPortMap } from "./port-map-record.ts";
import { isSameRecord, removeRules } from "./remove-rules.ts";

/** What became of one record. */
export interface Reloaded {
	readonly kind: RecordKind;
	/** Undefined when the record could not be read. */
	readonly attachment: NetworkAttachment | undefined;
	/** The record's name. */
	readonly name: string;
	/**
	 * `unchanged`: everything was there. `restored`: put back. `dropped`: the container is gone, or the record could not
	 * be read. `failed`: see `problem`.
	 */
	readonly outcome: "unchanged" | "restored" | "dropped" | "failed";
	readonly problem?: string;
}

/** One kind of rules: how to tell whether they are there, and how to put them back. */
interface Reloader {
	/** Undefined when the rules on record cannot be understood. */
	read(record: FirewallRecord): { isThere(): boolean; put(): void } | undefined;
}

const reloaders: Readonly<Record<RecordKind, Reloader>> = {
	masquerade: {
		read(record) {
			const options = recordedMasquerade(record);
			if (options === undefined) return undefined;
			return {
				isThere: () => orMissing(() => isMasqueradeThere(record.attachment, options)),
				put: () => putMasquerade(record.attachment, options),
			};
		},
	},
	portmap: {
		read(record) {
			const recorded = recordedPortMap(record);
			if (recorded === undefined) return undefined;
			const { portMap, backend } = recorded;
			return { isThere: () => isPortMapThere(portMap, backend), put: () => putPortMap(portMap, backend) };
		},
	},
	forward: {
		read(record) {
			const forward = forwardIn(record);
			if (forward === undefined) return undefined;
			return {
				isThere: () => orMissing(() => isForwardThere(record.attachment, forward)),
				put: () => putForward({ ...record.attachment, netns: record.sandbox.path }, forward),
			};
		},
	},
	groups: {
		read(record) {
			const member = recordedMember(record);
			if (member === undefined) return undefined;
			return {
				isThere: () => missingGroups(member).length === 0,
				put: () => putGroups(member),
			};
		},
	},
};

/** What cannot be read counts as missing. */
function orMissing(isThere: () => boolean): boolean {
	try {
		return isThere();
	} catch {
		return false;
	}
}

/**
 * Puts back everything that is on record for the host's namespace, as after `nft flush ruleset` or a restart of
 * firewalld. What belongs to containers that are surely gone is removed instead.
 */
export async function reloadFirewall(log: Log): Promise<readonly Reloaded[]> {
	const reloaded: Reloaded[] = [];
	for (const kind of recordKinds) {
		for (const name of listRecords(kind)) reloaded.push(await reload(name, { kind, log }));
	}
	return reloaded;
}

/** Whether the firewall holds all that is on record; undefined when the record cannot be understood. @throws CniError */
export function isRecordThere(kind: RecordKind, record: FirewallRecord): boolean | undefined {
	return reloaders[kind].read(record)?.isThere();
}

async function reload(name: string, { kind, log }: { kind: RecordKind; log: Log }): Promise<Reloaded> {
	const attachment = readRecord(kind, name)?.attachment;
	try {
		const outcome = await bringBack(name, { kind, log });
		return { kind, name, attachment, outcome };
	} catch (thrown) {
		return { kind, name, attachment, outcome: "failed", problem: errorText(thrown) };
	}
}

async function bringBack(name: string, { kind, log }: { kind: RecordKind; log: Log }): Promise<Reloaded["outcome"]> {
	const reloader = reloaders[kind];
	const gone = readRecord(kind, name);
	if (gone !== undefined && isSandboxGone(gone.sandbox)) {
		await removeRules(kind, { attachment: gone.attachment, log, onlyIf: () => isSameRecord(kind, gone) });
		return "dropped";
	}
	// Within the lock, and read again: a DEL in between would be undone otherwise.
	using _ = lockFirewall();
	const record = readRecord(kind, name);
	const rules = record === undefined ? undefined : reloader.read(record);
	if (rules === undefined) {
		removeRecord(kind, name);
		return "dropped";
	}
	if (rules.isThere()) return "unchanged";
	rules.put();
	return "restored";
}
