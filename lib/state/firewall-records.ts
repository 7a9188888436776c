import { attachmentPrefix, type NetworkAttachment, networkPrefix } from "../cni/attachment-tag.ts";
import { CniError, ErrorCode, messageOf } from "../cni/error.ts";
import { any, decodeDocument, object, required, SchemaError, string } from "../cni/schema.ts";
import { inDirectoryOf, unless } from "../linux/absent.ts";
import { Errno, errnoOf } from "../linux/errno.ts";
import { type FileLock, lockFile } from "../linux/file-lock.ts";
import { isDirectory, listDirectory, readText, rename, stat, unlink, writeFile } from "../linux/files.ts";
import { identifySandbox, type SandboxIdentity } from "./sandbox-identity.ts";

/**
 * What the firewall should hold for each attachment, so that `cnictl firewall reload` can put it back after somebody
 * flushed it, and so that the holder of a host port can be named and asked whether it still lives.
 *
 *     /run/cni-suite/firewall/
 *         4026531833/                      the host's network namespace, by its inode: rules are of one namespace, and a
 *                                          machine may have several that play the host (tests, nested runtimes). A later
 *                                          namespace may get the number again; what it then finds is of containers that
 *                                          are gone, and dropped as such
 *             lock                         flock(2): see lockFirewall
 *             chains.lock                  flock(2): see lockChains
 *             portmap/                     one folder for each kind
 *                 <hash>-<hash>            one file for each attachment, named by what its tag in the kernel begins with
 *                 <hash>-<hash>.new        the same while it is being written; of no meaning to readers
 *
 * A file is a JSON object: whose rules they are, the container's namespace, and what that kind needs to apply again.
 *
 *     {"network":"app","containerId":"c1","ifName":"eth0",
 *      "sandbox":{"path":"/run/netns/c1","namespace":"0:4:4026532177"},"rules":{…}}
 *
 * It is renamed into place before the rules are applied, and removed after they are gone: a killed process leaves at
 * most a file too many, which DEL and GC take. /run is a tmpfs, which ends with the kernel that held the rules.
 * Without the file, rules still work, and DEL and GC still find them by their tags.
 */
const root = "/run/cni-suite/firewall";

export type RecordKind = "masquerade" | "portmap" | "forward" | "groups";

export const recordKinds: readonly RecordKind[] = ["masquerade", "portmap", "forward", "groups"];

/** An attachment, and the path of its namespace. */
export interface RecordOwner extends NetworkAttachment {
	readonly netns: string;
}

export interface FirewallRecord {
	readonly attachment: NetworkAttachment;
	readonly sandbox: SandboxIdentity;
	/** JSON; what it means is known to those who apply this kind. */
	readonly rules: unknown;
}

/** Keeps the rules, in place of what is there of the attachment. @throws CniError code 5 */
export function writeRecord(kind: RecordKind, { owner, rules }: { owner: RecordOwner; rules: unknown }): void {
	const { network, containerId, ifName } = owner;
	const text = JSON.stringify({ network, containerId, ifName, sandbox: identifySandbox(owner.netns), rules });
	const path = pathOf(kind, attachmentPrefix(owner));
	try {
		replaceFile(path, text);
	} catch (thrown) {
		throw new CniError(
			ErrorCode.ioFailure,
			`Cannot record the firewall rules (${kind}) of interface "${ifName}" of container "${containerId}" on network "${network}": ${messageOf(thrown)}`,
			{ details: `Make room in "${root}", and let root write there`, cause: thrown },
		);
	}
}

/**
 * What is kept under a name of {@link listRecords}; undefined when there is nothing, or nothing that can be read. The
 * name may be anything: comments of rules can be anybody's.
 */
export function readRecord(kind: RecordKind, name: string): FirewallRecord | undefined {
	if (!/^[0-9a-f]{16}-[0-9a-f]{16}$/.test(name)) return undefined;
	let text: string;
	try {
		text = readText(pathOf(kind, name));
	} catch {
		return undefined;
	}
	return parseRecord(text);
}

/** When what is kept under the name was written, or begun to be, in milliseconds since the epoch; undefined when there is nothing. */
export function recordedAt(kind: RecordKind, name: string): number | undefined {
	const path = pathOf(kind, name);
	const status = unless([Errno.ENOENT], () => stat(path)) ?? unless([Errno.ENOENT], () => stat(`${path}${temporary}`));
	return status === undefined ? undefined : Number(status.mtimeNs / 1_000_000n);
}

/**
 * What an ADD was about to keep when it was killed, as far as it came: nothing had been changed by then. Undefined when
 * there is no such thing, or when it is not whole.
 */
export function readUnfinishedRecord(kind: RecordKind, name: string): FirewallRecord | undefined {
	const text = unless([Errno.ENOENT], () => readText(`${pathOf(kind, name)}${temporary}`));
	return text === undefined ? undefined : parseRecord(text);
}

/** What is kept of the first attachment that is the one; it reads all of them. */
export function findRecord(
	kind: RecordKind,
	isIt: (attachment: NetworkAttachment) => boolean,
): FirewallRecord | undefined {
	for (const name of listRecords(kind)) {
		const record = readRecord(kind, name);
		if (record !== undefined && isIt(record.attachment)) return record;
	}
	return undefined;
}

/** What is kept of the attachment. */
export function recordOf(kind: RecordKind, attachment: NetworkAttachment): FirewallRecord | undefined {
	return readRecord(kind, attachmentPrefix(attachment));
}

/** Removes what is kept under the name; nothing there is success. @throws SystemError */
export function removeRecord(kind: RecordKind, name: string): void {
	const path = pathOf(kind, name);
	for (const file of [path, `${path}${temporary}`]) {
		unless([Errno.ENOENT], () => unlink(file));
	}
}

/** The names of all that is kept of a kind, half-written ones too: {@link attachmentPrefix} of each attachment. */
export function listRecords(kind: RecordKind): readonly string[] {
	return Array.from(
		new Set(
			unless([Errno.ENOENT], () => listDirectory(`${directoryOf()}/${kind}`))?.map((name) =>
				name.replace(/\.new$/, ""),
			),
		),
	);
}

/** Removes what is kept of the network's attachments that are not among the valid ones. @throws SystemError */
export function collectRecords(
	kind: RecordKind,
	{ network, valid }: { network: string; valid: readonly Omit<NetworkAttachment, "network">[] },
): void {
	const keep = new Set(valid.map((attachment) => attachmentPrefix({ ...attachment, network })));
	for (const name of listRecords(kind)) {
		if (name.startsWith(networkPrefix(network)) && !keep.has(name)) removeRecord(kind, name);
	}
}

/** Whether anything of the kind was ever kept here. If not, that there is no record says nothing about the kernel. */
export function keepsRecords(kind: RecordKind): boolean {
	return isDirectory(`${directoryOf()}/${kind}`);
}

/**
 * Serialises those who look for a free host port, and then take it: two that take overlapping ones (one of them for
 * any host address) would not meet in the kernel. The lock guards no file: a process killed under it leaves records and
 * rules that are whole.
 *
 * @throws CniError code 5
 */
export function lockFirewall(): FileLock {
	return lockNamed("lock");
}

/**
 * Serialises those who add to chains of iptables that all containers share: what has to be added depends on what is
 * there, and two that look at once would both add it. It guards no file either, and may be taken under the other lock.
 *
 * @throws CniError code 5
 */
export function lockChains(): FileLock {
	return lockNamed("chains.lock");
}

function lockNamed(name: string): FileLock {
	const path = `${directoryOf()}/${name}`;
	try {
		return inDirectoryOf(path, () => lockFile(path));
	} catch (thrown) {
		throw new CniError(ErrorCode.ioFailure, `Cannot lock "${path}": ${messageOf(thrown)}`, {
			details: `Let root write in "${root}"`,
			cause: thrown,
		});
	}
}

/**
 * The same for those who remove, which must not fail: where nothing was ever kept, nobody has to be kept out, and where
 * the lock cannot be had, rules are removed without.
 */
export function lockFirewallIfKept(): Disposable {
	try {
		return lockFile(`${directoryOf()}/lock`);
	} catch (thrown) {
		if (errnoOf(thrown) === 0) throw thrown;
		return { [Symbol.dispose]() {} };
	}
}

const temporary = ".new";

function pathOf(kind: RecordKind, name: string): string {
	return `${directoryOf()}/${kind}/${name}`;
}

function directoryOf(): string {
	return `${root}/${stat("/proc/thread-self/ns/net").inode}`;
}

function replaceFile(path: string, text: string): void {
	inDirectoryOf(path, () => writeFile(`${path}${temporary}`, text));
	rename(`${path}${temporary}`, path);
}

const recordSchema = required(
	object({
		network: string(""),
		containerId: string(""),
		ifName: string(""),
		sandbox: required(object({ path: string(""), namespace: string("") })),
		rules: any(),
	}),
);

function parseRecord(text: string): FirewallRecord | undefined {
	try {
		const { sandbox, rules, ...attachment } = decodeDocument(recordSchema, JSON.parse(text));
		return attachment.network === "" ? undefined : { attachment, sandbox, rules };
	} catch (thrown) {
		if (thrown instanceof SyntaxError || thrown instanceof SchemaError) return undefined;
		throw thrown;
	}
}
