import type { NetworkAttachment } from "../cni/attachment-tag.ts";
import { CniError, ErrorCode, messageOf } from "../cni/error.ts";
import type { Attachment } from "../cni/plugin.ts";
import { unlessAbsent } from "../linux/absent.ts";
import { listDirectory, makeDirectories, readText, rename, stat, unlink, writeFile } from "../linux/files.ts";
import { type AttachmentFiles, attachmentFiles } from "./attachment-files.ts";
import type { RecordFile } from "./attachment-records.ts";
import type { SandboxIdentity } from "./sandbox-identity.ts";

/*
 * What an interface was like before tuning, kept until DEL puts it back:
 *
 *     <dataDir>/<container id>_<interface>.json                       mode 0600, the reference's, in its form
 *     <dataDir>/.cni-suite/<network>/<container id>:<interface>       mode 0600, ours (attachment-files.ts)
 *
 * The first holds attributes of the link, those alone that were changed, and only exists when there are some:
 *
 *     {
 *      "mac": "36:11:05:cf:b9:e7",
 *      "promisc": false,
 *      "mtu": 1500,
 *      "allmulti": false,
 *      "txQLen": 1000
 *     }
 *
 * The second holds what the first has no place for, in one line: whose it is, where, and kernel parameters by path. GC
 * finds attachments by it. Without it DEL puts the link back and leaves the parameters, as the reference does.
 *
 *     {"containerId":"…","ifName":"…","sandbox":{"path":"…","namespace":"…"},"linkIndex":2,"sysctls":{"net/…":"1"}}
 *
 * Both are written before anything is changed, whole or not at all, and removed when all is put back. No lock: the files
 * belong to one attachment. Below /run they end with the namespaces that they tell of.
 */

export const defaultTuningDirectory = "/run/cni/tuning";

/** Attributes of a link; absent where they were not changed. */
export interface LinkBackup {
	readonly mac?: string;
	readonly promisc?: boolean;
	readonly mtu?: number;
	readonly allmulti?: boolean;
	readonly txQLen?: number;
}

export interface TuningRecord extends Attachment {
	readonly sandbox: SandboxIdentity;
	readonly linkIndex: number;
	/** Former values by path below /proc/sys. */
	readonly sysctls: Readonly<Record<string, string>>;
}

/** Former state of an attachment; each part undefined where nothing is kept, or nothing that can be read. */
export interface TuningState {
	readonly backup: LinkBackup | undefined;
	readonly record: TuningRecord | undefined;
}

/** @throws CniError code 5 */
export function readTuning(dataDir: string, attachment: NetworkAttachment): TuningState {
	return accessing(`Cannot read what was before tuning in "${dataDir}"`, () => ({
		backup: parseBackup(tryRead(backupPath(dataDir, attachment))),
		record: parseRecord(recordsOf(dataDir, attachment.network).read(attachment)),
	}));
}

/** Replaces what is kept. @throws CniError code 5 */
export function writeTuning(
	dataDir: string,
	{ attachment, state }: { attachment: NetworkAttachment; state: TuningState },
): void {
	const { backup, record } = state;
	accessing(`Cannot keep what was before tuning in "${dataDir}"`, () => {
		if (record !== undefined) recordsOf(dataDir, attachment.network).write(attachment, `${JSON.stringify(record)}\n`);
		if (backup === undefined) return;
		makeDirectories(dataDir);
		writeFile(incompletePath(dataDir, attachment), JSON.stringify(inOrder(backup), undefined, 1));
		rename(incompletePath(dataDir, attachment), backupPath(dataDir, attachment));
	});
}

/** Forgets the attachment. @throws CniError code 5 */
export function removeTuning(dataDir: string, attachment: NetworkAttachment): void {
	accessing(`Cannot remove what was before tuning from "${dataDir}"`, () => {
		tryRemove(incompletePath(dataDir, attachment));
		tryRemove(backupPath(dataDir, attachment));
		// Last: GC finds the others by it.
		recordsOf(dataDir, attachment.network).remove(attachment);
	});
}

/** Everything that is kept of a network's attachments. @throws CniError code 5 */
export function listTuning(dataDir: string, network: string): readonly TuningRecord[] {
	return accessing(`Cannot read what was before tuning in "${dataDir}"`, () =>
		recordsOf(dataDir, network)
			.readAll()
			.flatMap((text) => parseRecord(text) ?? []),
	);
}

/** Every file of ours, complete or not, and what it says where that can be read. @throws CniError code 5 */
export function listTuningFiles(dataDir: string, network: string): readonly RecordFile<TuningRecord>[] {
	return accessing(`Cannot read what was before tuning in "${dataDir}"`, () =>
		recordsOf(dataDir, network)
			.list()
			.map((file) => ({ ...file, record: parseRecord(file.text) })),
	);
}

/** A backup in the reference's form, which says neither network nor namespace. */
export interface TuningBackup {
	readonly path: string;
	/** `<container id>_<interface>` */
	readonly name: string;
	/** Milliseconds since the epoch. */
	readonly changedAt: number;
}

/** The backups of attributes, whoever made them. @throws CniError code 5 */
export function listTuningBackups(dataDir: string): readonly TuningBackup[] {
	return accessing(`Cannot read what was before tuning in "${dataDir}"`, () =>
		(unlessAbsent(() => listDirectory(dataDir)) ?? [])
			.filter((name) => name.endsWith(".json") && !name.startsWith("."))
			.map((name) => {
				const path = `${dataDir}/${name}`;
				return { path, name: name.slice(0, -".json".length), changedAt: Number(stat(path).mtimeNs / 1_000_000n) };
			}),
	);
}

/** Removes records of the network, complete or not, but those of these attachments. @throws CniError code 5 */
export function retainTuning(
	dataDir: string,
	{ network, attachments }: { network: string; attachments: readonly Attachment[] },
): void {
	accessing(`Cannot remove what was before tuning from "${dataDir}"`, () =>
		recordsOf(dataDir, network).retain(attachments),
	);
}

function recordsOf(dataDir: string, network: string): AttachmentFiles {
	return attachmentFiles(`${dataDir}/.cni-suite/${network}`);
}

function backupPath(dataDir: string, { containerId, ifName }: Attachment): string {
	return `${dataDir}/${containerId}_${ifName}.json`;
}

function incompletePath(dataDir: string, { containerId, ifName }: Attachment): string {
	return `${dataDir}/.${containerId}_${ifName}.json`;
}

/** Its keys in the order in which the reference writes them. */
function inOrder({ mac, promisc, mtu, allmulti, txQLen }: LinkBackup): object {
	return { mac, promisc, mtu, allmulti, txQLen };
}

function parseBackup(text: string | undefined): LinkBackup | undefined {
	const value = parseObject<Record<keyof LinkBackup, unknown>>(text);
	if (value === undefined) return undefined;
	const { mac, promisc, mtu, allmulti, txQLen } = value;
	return {
		...(typeof mac === "string" ? { mac } : {}),
		...(typeof promisc === "boolean" ? { promisc } : {}),
		...(typeof mtu === "number" ? { mtu } : {}),
		...(typeof allmulti === "boolean" ? { allmulti } : {}),
		...(typeof txQLen === "number" ? { txQLen } : {}),
	};
}

function parseObject<T extends object>(text: string | undefined): Partial<T> | undefined {
	if (text === undefined) return undefined;
	try {
		const value: unknown = JSON.parse(text);
		return typeof value === "object" && value !== null ? value : undefined;
	} catch {
		return undefined;
	}
}

function parseRecord(text: string | undefined): TuningRecord | undefined {
	const { containerId, ifName, sandbox, linkIndex, sysctls } = parseObject<TuningRecord>(text) ?? {};
	if (!containerId || !ifName || !sandbox || linkIndex === undefined || !sysctls) return undefined;
	return { containerId, ifName, sandbox, linkIndex, sysctls };
}

function tryRead(path: string): string | undefined {
	return unlessAbsent(() => readText(path));
}

function tryRemove(path: string): void {
	unlessAbsent(() => unlink(path));
}

function accessing<T>(what: string, action: () => T): T {
	try {
		return action();
	} catch (thrown) {
		throw new CniError(ErrorCode.ioFailure, `${what}: ${messageOf(thrown)}`, {
			details: 'Root must be able to write there; "dataDir" names another directory',
			cause: thrown,
		});
	}
}
