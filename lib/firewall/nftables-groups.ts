import { attachmentPrefix, describeTag, type NetworkAttachment, networkPrefix } from "../cni/attachment-tag.ts";
import { everyOne } from "../cni/every-one.ts";
import { Errno } from "../linux/errno.ts";
import { BatchError, commit, retryDisturbed, setIsFull } from "../netlink/nftables/batch.ts";
import { deleteChain } from "../netlink/nftables/chain.ts";
import { findElements, listElements, type SetElement } from "../netlink/nftables/element.ts";
import type { SetName } from "../netlink/nftables/message.ts";
import { listSets } from "../netlink/nftables/set.ts";
import type { NetlinkSocket } from "../netlink/wire/socket.ts";
import { readRecord } from "../state/firewall-records.ts";
import type { GroupBackend, GroupChange, GroupHolder, GroupHolders } from "./group-backend.ts";
import type { GroupMember } from "./group-member.ts";
import { recordedMembers } from "./group-record.ts";
import { abandonedBy, allAbandoned } from "./nftables-groups/abandoned.ts";
import { bridgeLayout } from "./nftables-groups/bridge-rules.ts";
import { bridgeElements, elementsOf, identityOf } from "./nftables-groups/elements.ts";
import { adoptFormer, isFormer } from "./nftables-groups/former-layout.ts";
import { inetLayout } from "./nftables-groups/inet-rules.ts";
import { layoutsFor } from "./nftables-groups/layouts.ts";
import { memberClass } from "./nftables-groups/member-class.ts";
import { bridgeSet, bridgeTable, helpWhenFull, inetSet, tables } from "./nftables-groups/tables.ts";
import { makeLayouts, missingOfLayout } from "./nftables-layout.ts";
import { type Nftables, rulesetError } from "./nftables-session.ts";
import {
	additionsOf,
	deletionsOf,
	foundAt,
	isOwnedBy,
	isSameElement,
	ownerOf,
	type PlacedElement,
} from "./owned-elements.ts";

/** Groups in nf_tables; `nftables-groups/` draws what they look like. */
export function nftablesGroups(nftables: Nftables): GroupBackend {
	return {
		holders: (member) =>
			nftables(
				(socket) => holders(socket, member),
				() => ({ others: [], own: false }),
			),
		apply: (member, change) => nftables((socket) => changing(() => apply(socket, { member, ...change }))),
		verify: (member) =>
			nftables(
				(socket) => verify(socket, member),
				() => ["all of it (the kernel has no nf_tables)"],
			),
		remove: (attachment, known) =>
			nftables(
				(socket) => changing(() => remove(socket, { attachment, known })),
				() => {},
			),
		collect: (network, valid) =>
			nftables(
				(socket) => retryDisturbed(() => collect(socket, { network, valid })),
				() => {},
			),
		probe: () => nftables(probe),
	};
}

/** Adding may find that the host is full, and so may removing, which brings a former table into the present form. */
function changing(change: () => void): void {
	try {
		retryDisturbed(change);
	} catch (thrown) {
		const isFull = thrown instanceof BatchError && thrown.errno === setIsFull;
		throw isFull ? rulesetError(thrown, helpWhenFull) : thrown;
	}
}

function holders(socket: NetlinkSocket, member: GroupMember): GroupHolders {
	const others: GroupHolder[] = [];
	let own = false;
	const identity = identityOf(member);
	const found = findElements(socket, identity);
	for (const [index, { name }] of identity.entries()) {
		const element = found[index];
		if (element === undefined) continue;
		if (isOwnedBy(element, member.attachment)) {
			own = true;
			continue;
		}
		const record = () => readRecord("groups", ownerOf(element));
		others.push({ description: describeTag(element.comment ?? ""), what: name(), record });
	}
	return { others, own };
}

/**
 * Lets the kernel try all of it, in a transaction that cannot succeed: it may lack the bridge family, connection tracking,
 * or one of the matches.
 */
function probe(socket: NetlinkSocket): void {
	const changes = makeLayouts(socket, [bridgeLayout(), inetLayout()]).flat();
	if (changes.length === 0) return;
	const messages = [...changes, deleteChain({ ...bridgeTable, chain: "that is not there" })];
	try {
		commit(socket, messages);
	} catch (thrown) {
		if (!(thrown instanceof BatchError) || thrown.index !== messages.length - 1) throw thrown;
	}
}

interface Application extends GroupChange {
	readonly member: GroupMember;
}

function apply(socket: NetlinkSocket, { member, previous, isNew = false, repair = false }: Application): void {
	const { tables: shared, own } = layoutsFor(member);
	const layouts = [...shared, ...own];
	let changes = makeLayouts(socket, layouts, { repair });
	// A table in its former form has other rules than it should.
	if (changes.some((messages, index) => index < shared.length && messages.length > 0) && isFormer(socket)) {
		adoptFormer(socket, recordedMembers());
		changes = makeLayouts(socket, layouts, { repair });
	}
	const wanted = elementsOf(member);
	// All that there is of an attachment came in one transaction: without a port, it has nothing.
	const { added, replaced } = isNew ? { added: wanted, replaced: [] } : compare(socket, wanted);
	commit(socket, [
		...changes.flat(),
		...deletionsOf([...replaced, ...outdated(socket, { member, previous })]),
		...additionsOf([...added, ...bridgeElements(member)]),
	]);
	if (previous !== undefined && memberClass(previous).key !== memberClass(member).key) sweep(socket);
}

/** What of it is not there, and what stands in the way of it. */
function compare(
	socket: NetlinkSocket,
	wanted: readonly PlacedElement[],
): { readonly added: readonly PlacedElement[]; readonly replaced: readonly PlacedElement[] } {
	const present = findElements(socket, wanted);
	const isThere = (element: PlacedElement, found: SetElement | undefined) =>
		found !== undefined && isSameElement(element, found);
	const added = wanted.filter((element, index) => !isThere(element, present[index]));
	return { added, replaced: added.filter((element) => present[wanted.indexOf(element)] !== undefined) };
}

/** What the attachment has had, and has no more. */
function outdated(
	socket: NetlinkSocket,
	{ member, previous }: Pick<Application, "member" | "previous">,
): readonly PlacedElement[] {
	if (previous === undefined) return [];
	const wanted = new Set(elementsOf(member).map(nameOf));
	const gone = elementsOf(previous).filter((element) => !wanted.has(nameOf(element)));
	return foundAt(socket, gone).filter((element) => isOwnedBy(element, member.attachment));
}

function verify(socket: NetlinkSocket, member: GroupMember): readonly string[] {
	const wanted = elementsOf(member);
	const present = findElements(socket, wanted);
	const shared = bridgeElements(member);
	const layouts = layoutsFor(member);
	const missingShared = findElements(socket, shared).flatMap((found, index) =>
		found === undefined ? [`bridge "${member.bridges[index]}" (element of ${describeSet(inetSet("bridges"))})`] : [],
	);
	return [
		...[...layouts.tables, ...layouts.own].flatMap((layout) => missingOfLayout(socket, layout)),
		...missingShared,
		...wanted.flatMap((element, index) => {
			const found = present[index];
			if (found !== undefined && isSameElement(element, found)) return [];
			const held =
				found === undefined || isOwnedBy(found, member.attachment)
					? ""
					: `; it is of ${describeTag(found.comment ?? "")}`;
			return [`${element.name()} (element of ${describeSet(element.set)}${held})`];
		}),
	];
}

interface Removal {
	readonly attachment: NetworkAttachment;
	readonly known: GroupMember | undefined;
}

function remove(socket: NetlinkSocket, { attachment, known }: Removal): void {
	if (known === undefined) {
		// Double DELs are common, and looking at all elements is not cheap: every member has a port.
		const ports = [bridgeSet("ports"), inetSet("ports")].flatMap((set) => listElements(socket, set));
		const tag = attachmentPrefix(attachment);
		if (ports.some((port) => isOwnedBy(port, attachment))) removeTagged(socket, (owner) => owner === tag);
		return;
	}
	if (isFormer(socket)) adoptFormer(socket, recordedMembers());
	const own = foundAt(socket, elementsOf(known)).filter((element) => isOwnedBy(element, attachment));
	if (own.length === 0) return;
	try {
		commit(socket, [...deletionsOf(own), ...abandonedBy(socket, { member: known, own })]);
	} catch (thrown) {
		if (!isBusy(thrown)) throw thrown;
		// What somebody else still uses can stay; the member cannot.
		commit(socket, deletionsOf(own));
		sweep(socket);
	}
}

interface Collection {
	readonly network: string;
	readonly valid: readonly Omit<NetworkAttachment, "network">[];
}

function collect(socket: NetlinkSocket, { network, valid }: Collection): void {
	const keep = new Set(valid.map((attachment) => attachmentPrefix({ ...attachment, network })));
	const prefix = networkPrefix(network);
	removeTagged(socket, (owner) => owner.startsWith(prefix) && !keep.has(owner));
}

/** By looking at all elements of everybody. One transaction for each owner: there may be thousands. */
function removeTagged(socket: NetlinkSocket, isMeant: (owner: string) => boolean): void {
	const sets = tables.flatMap((table) => Array.from(listSets(socket, table), (set): SetName => ({ ...table, set })));
	const owners = new Map<string, PlacedElement[]>();
	for (const set of sets) {
		for (const element of listElements(socket, set)) {
			const owner = ownerOf(element);
			if (!isMeant(owner)) continue;
			const elements = owners.get(owner) ?? [];
			elements.push({ ...element, set });
			owners.set(owner, elements);
		}
	}
	everyOne([...owners.values()], (elements) => commit(socket, deletionsOf(elements)));
	sweep(socket);
}

/** Removes classes and groups that nobody is in. Somebody's own rule may look into a set: that is no harm. */
function sweep(socket: NetlinkSocket): void {
	try {
		commit(socket, allAbandoned(socket));
	} catch (thrown) {
		if (!isBusy(thrown)) throw thrown;
	}
}

function isBusy(thrown: unknown): boolean {
	return thrown instanceof BatchError && thrown.errno === Errno.EBUSY;
}

function nameOf({ set, key }: PlacedElement): string {
	return `${set.family} ${set.set} ${key}`;
}

function describeSet({ family, table, set }: SetName): string {
	return `"${set}" in table "${family} ${table}"`;
}
