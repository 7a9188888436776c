import { attachmentPrefix, attachmentTag, networkPrefix } from "../cni/attachment-tag.ts";
import { addressToBytes, formatAddress, type IpAddress } from "../ip/address.ts";
import { decodeUtf8, encodeUtf8 } from "../linux/utf8.ts";
import { commit, readGeneration, retryDisturbed } from "../netlink/nftables/batch.ts";
import { concatenate } from "../netlink/nftables/data-type.ts";
import {
	addElements,
	deleteElements,
	type ElementName,
	findElements,
	listElements,
	type SetElement,
} from "../netlink/nftables/element.ts";
import type { SetName } from "../netlink/nftables/message.ts";
import type { Message } from "../netlink/wire/message.ts";
import type { NetlinkSocket } from "../netlink/wire/socket.ts";
import type { Forward, ForwardBackend, ForwardEntry, ForwardRemoval, Ingress } from "./forward-backend.ts";
import {
	acceptedSets,
	bridgePairs,
	forwardLayout,
	isolatedPorts,
	policyBridges,
	portIsolationLayout,
} from "./forward-layout.ts";
import { makeLayouts, missingOfLayout } from "./nftables-layout.ts";
import { withNftables } from "./nftables-session.ts";

/** Accepting and isolating through nf_tables; `forward-layout.ts` draws the tables. */
export const nftablesForward: ForwardBackend = {
	apply: (forward) => withNftables((socket) => retryDisturbed(() => apply(socket, forward))),
	verify: (forward) =>
		withNftables(
			(socket) => verify(socket, forward),
			() => ['table "inet cni_suite" (the kernel has no nf_tables)'],
		),
	remove: (removal) =>
		withNftables(
			(socket) => retryDisturbed(() => remove(socket, removal)),
			() => {},
		),
	list: (network) =>
		withNftables(
			(socket) => list(socket, network),
			() => [],
		),
	removeShared: (isGone) =>
		withNftables(
			(socket) => retryDisturbed(() => removeShared(socket, isGone)),
			() => {},
		),
};

function apply(socket: NetlinkSocket, forward: Forward): void {
	const generation = readGeneration(socket);
	const owned = ownedElements(forward);
	const found = findElements(socket, owned);
	// What another attachment had and left behind: its DEL may come yet, and must not take it from this one.
	const superseded = owned.filter(({ comment }, index) => (found[index]?.comment ?? comment) !== comment);
	const messages = [
		...makeLayouts(socket, layoutsOf(forward), { repair: true }).flat(),
		...deletion(superseded),
		...addition(owned),
		// Also where they are: the last attachment of the bridge may be about to take them away.
		...addition(ingressElements(forward.ingress)),
	];
	// Additions alone need no unchanged ruleset: containers that start at once would hold each other up.
	commit(socket, messages, superseded.length === 0 ? {} : { generation });
}

function verify(socket: NetlinkSocket, forward: Forward): readonly string[] {
	const missing = layoutsOf(forward).flatMap((layout) => missingOfLayout(socket, layout));
	const wanted = [...ownedElements(forward), ...ingressElements(forward.ingress)];
	const found = findElements(socket, wanted);
	const own = attachmentPrefix(forward.attachment);
	for (const [index, { set, words, comment }] of wanted.entries()) {
		const element = found[index];
		const where = `in set "${set.set}" of table "${set.family} ${set.table}"`;
		if (element === undefined) missing.push(`${words} ${where}`);
		else if (comment !== undefined && !element.comment?.startsWith(own)) {
			missing.push(`${words} ${where} (it is there for "${element.comment}")`);
		}
	}
	return missing;
}

function remove(socket: NetlinkSocket, removal: ForwardRemoval): void {
	const generation = readGeneration(socket);
	const own = attachmentPrefix(removal.attachment);
	const known = [...addressNames(removal.addresses), ...portNames(removal.isolatedPorts)];
	const owned =
		known.length > 0
			? present(socket, known).filter(({ comment }) => comment?.startsWith(own))
			: taggedElements(socket).filter(({ comment }) => comment?.startsWith(own));
	const { bridge } = removal;
	const shared = bridge === undefined ? [] : present(socket, bridgeNames(bridge.name));
	const abandoned = shared.length > 0 && bridge?.isAbandoned() ? shared : [];
	commit(socket, deletion([...owned, ...abandoned]), { generation });
}

function removeShared(socket: NetlinkSocket, isGone: (bridge: string) => boolean): void {
	const generation = readGeneration(socket);
	const names = listElements(socket, policyBridges).map(({ key }) => nameIn(key));
	const abandoned = names.filter(isGone).flatMap(bridgeNames);
	commit(socket, deletion(present(socket, abandoned)), { generation });
}

function list(socket: NetlinkSocket, network: string): readonly ForwardEntry[] {
	const owners = new Map<string, string>();
	for (const { comment = "" } of taggedElements(socket)) {
		// The two hashes and the hyphen between them.
		if (comment.startsWith(`${networkPrefix(network)}-`)) owners.set(comment.slice(0, 33), comment);
	}
	return Array.from(owners, ([prefix, comment]) => ({
		description: comment,
		isOf: (attachment) => attachmentPrefix(attachment) === prefix,
		remove: () => withNftables((own) => retryDisturbed(() => removeTagged(own, prefix))),
	}));
}

function removeTagged(socket: NetlinkSocket, prefix: string): void {
	const generation = readGeneration(socket);
	const tagged = taggedElements(socket).filter(({ comment }) => comment?.startsWith(prefix));
	commit(socket, deletion(tagged), { generation });
}

function layoutsOf({ accept, ingress, isolatedPorts: ports }: Forward) {
	return [
		...(accept || ingress !== undefined ? [forwardLayout()] : []),
		...(ports.length > 0 ? [portIsolationLayout()] : []),
	];
}

/** An element, where it is, and what it is called in messages. */
interface NamedElement extends ElementName, SetElement {
	readonly words: string;
}

/** What is one attachment's alone, with its tag. */
function ownedElements({ attachment, addresses, accept, isolatedPorts: ports }: Forward): readonly NamedElement[] {
	const names = [...(accept ? addressNames(addresses) : []), ...portNames(ports)];
	const comment = attachmentTag(attachment);
	return names.map((name) => ({ ...name, comment }));
}

function ingressElements(ingress: Ingress | undefined): readonly NamedElement[] {
	if (ingress === undefined) return [];
	const { policy, bridge } = ingress;
	const [any, ...pairs] = bridgeNames(bridge);
	return [any, ...pairs.filter(({ set }) => set.set === bridgePairs[policy].set)].filter((name) => name !== undefined);
}

function addressNames(addresses: readonly IpAddress[]): readonly NamedElement[] {
	return addresses.map((address) => ({
		set: acceptedSets[address.family],
		key: addressToBytes(address),
		words: `address ${formatAddress(address)}`,
	}));
}

function portNames(ports: readonly string[]): readonly NamedElement[] {
	return ports.map((port) => ({ set: isolatedPorts, key: interfaceKey(port), words: `port "${port}"` }));
}

function bridgeNames(bridge: string): readonly NamedElement[] {
	const key = interfaceKey(bridge);
	const pair = concatenate([key, key]);
	const words = `bridge "${bridge}"`;
	return [
		{ set: policyBridges, key, words },
		{ set: bridgePairs["same-bridge"], key: pair, words },
		{ set: bridgePairs.isolated, key: pair, words },
	];
}

/** The elements that are there, with their comments. */
function present(socket: NetlinkSocket, names: readonly NamedElement[]): readonly NamedElement[] {
	const found = findElements(socket, names);
	return names.flatMap((name, index) => {
		const element = found[index];
		return element === undefined ? [] : [{ ...name, comment: element.comment ?? "" }];
	});
}

/** Everything with a tag, of whatever attachment. */
function taggedElements(socket: NetlinkSocket): readonly NamedElement[] {
	return [acceptedSets[4], acceptedSets[6], isolatedPorts].flatMap((set) =>
		listElements(socket, set).map((element) => ({ ...element, set, words: "" })),
	);
}

function addition(elements: readonly NamedElement[]): readonly Message[] {
	return bySet(elements).flatMap(([set, some]) => addElements(set, some));
}

function deletion(elements: readonly NamedElement[]): readonly Message[] {
	return bySet(elements).flatMap(([set, some]) =>
		deleteElements(
			set,
			some.map(({ key }) => key),
		),
	);
}

function bySet(elements: readonly NamedElement[]): readonly (readonly [SetName, readonly NamedElement[]])[] {
	const sets = new Map<SetName, NamedElement[]>();
	for (const element of elements) {
		const some = sets.get(element.set);
		if (some === undefined) sets.set(element.set, [element]);
		else some.push(element);
	}
	return [...sets];
}

function interfaceKey(name: string): Uint8Array {
	const key = new Uint8Array(16);
	key.set(encodeUtf8(name).subarray(0, 15));
	return key;
}

function nameIn(key: Uint8Array): string {
	const end = key.indexOf(0);
	return decodeUtf8(end < 0 ? key : key.subarray(0, end));
}
