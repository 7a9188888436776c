import { attachmentPrefix, describeTag, type NetworkAttachment, networkPrefix } from "../cni/attachment-tag.ts";
import {
	addressFromBytes,
	type Family,
	hostPrefix,
	type IpAddress,
	type IpPrefix,
	sameAddress,
} from "../ip/address.ts";
import { commit, retryDisturbed } from "../netlink/nftables/batch.ts";
import { deleteChain, findChain, listChains } from "../netlink/nftables/chain.ts";
import { type ElementName, findElements, listElements, type SetElement } from "../netlink/nftables/element.ts";
import { flushChain } from "../netlink/nftables/rule.ts";
import { listSets } from "../netlink/nftables/set.ts";
import type { Message } from "../netlink/wire/message.ts";
import type { NetlinkSocket } from "../netlink/wire/socket.ts";
import { readRecord } from "../state/firewall-records.ts";
import { makeBase, missingBase } from "./nftables-ports/base.ts";
import { makeConditionsChain, missingConditions } from "./nftables-ports/conditions.ts";
import {
	addressElements,
	describeElement,
	elementsOf,
	masqueradePlacesOf,
	placesOf,
	readPort,
	sizesOf,
} from "./nftables-ports/elements.ts";
import { addressSet, conditionsChain, conditionsChainPrefix, table } from "./nftables-ports/layout.ts";
import { type Nftables, withNftables } from "./nftables-session.ts";
import { additionsOf, deletionsOf, foundAt, isOwnedBy, isSameElement, type PlacedElement } from "./owned-elements.ts";
import {
	describePort,
	type HostPort,
	hostPorts,
	type KnownPorts,
	type PortHolder,
	type PortMap,
	type PortMapBackend,
	type PortMapOwner,
} from "./port-map-backend.ts";

/** Port maps through nf_tables; `nftables-ports/layout.ts` draws what they look like. */
export function nftablesPortMap(nftables: Nftables): PortMapBackend {
	return {
		holders: (portMap) =>
			nftables(
				(socket) => holders(socket, portMap),
				() => [],
			),
		apply(portMap) {
			makeConditionsChain(portMap);
			nftables((socket) => retryDisturbed(() => apply(socket, portMap)));
		},
		verify: (portMap) =>
			nftables(
				(socket) => verify(socket, portMap),
				() => [`table "${table.family} ${table.table}" (the kernel has no nf_tables)`],
			),
		remove: (attachment, known) =>
			nftables(
				(socket) => retryDisturbed(() => remove(socket, { attachment, known })),
				() => {},
			),
		list: (network) =>
			nftables(
				(socket) => list(socket, network),
				() => [],
			),
	};
}

function apply(socket: NetlinkSocket, portMap: PortMap): void {
	const wanted = elementsOf(portMap);
	const present = findElements(socket, wanted);
	// Those of others too: of a port, the caller has seen that its holder is gone; of a masqueraded address, that the
	// container has it now.
	const replaced = wanted.filter((element, index) => {
		const found = present[index];
		return found !== undefined && !isSameElement(element, found);
	});
	const added = wanted.filter((element, index) => {
		const found = present[index];
		return found === undefined || !isSameElement(element, found);
	});
	commit(socket, [
		...makeBase(socket, sizesOf(portMap)),
		...deletionsOf(replaced),
		...additionsOf([...added, ...addressElements(portMap)]),
	]);
}

function holders(socket: NetlinkSocket, portMap: PortMap): readonly PortHolder[] {
	const wanted = hostPorts(
		portMap.mappings,
		portMap.addresses.map(({ address }) => address.family),
	);
	const others = { 4: addressesWithPorts(socket, wanted, 4), 6: addressesWithPorts(socket, wanted, 6) };
	const places = wanted.flatMap((port) => overlapping(port, others[port.family]));
	const found = findElements(
		socket,
		places.map(({ place }) => place),
	);
	return places.flatMap(({ place, port }, index) => {
		const element = found[index];
		if (element === undefined || isOwnedBy(element, portMap.attachment)) return [];
		const comment = element.comment ?? "";
		return {
			description: describeTag(comment),
			port: describePort(port),
			// The two hashes and the hyphen between them.
			record: () => readRecord("portmap", comment.slice(0, 33)),
			release: () => withNftables((own) => commit(own, deletionsOf([place]))),
		};
	});
}

/** The ports that cannot be there together with the wanted one: the same, and those of all addresses, or of any. */
function overlapping(
	wanted: HostPort,
	addresses: readonly IpAddress[],
): readonly { readonly place: ElementName; readonly port: HostPort }[] {
	const others = wanted.hostAddress === undefined ? addresses : [undefined];
	return [wanted, ...others.map((hostAddress) => ({ ...wanted, hostAddress }))].flatMap((port) =>
		placesOf(port).map((place) => ({ place, port })),
	);
}

/** The host's addresses at which ports are mapped, where a port of all addresses is wanted. */
function addressesWithPorts(socket: NetlinkSocket, wanted: readonly HostPort[], family: Family): readonly IpAddress[] {
	const wantsAll = wanted.some((port) => port.family === family && port.hostAddress === undefined);
	if (!wantsAll) return [];
	return listElements(socket, { ...table, set: addressSet(family) }).map(({ key }) => addressFromBytes(key));
}

function verify(socket: NetlinkSocket, portMap: PortMap): readonly string[] {
	const missing = missingBase(socket, sizesOf(portMap));
	const wanted = elementsOf(portMap);
	const present = findElements(socket, wanted);
	return [
		...missing,
		...wanted.flatMap((element, index) => {
			const found = present[index];
			if (found !== undefined && isSameElement(element, found)) return [];
			const held =
				found === undefined || isOwnedBy(found, portMap.attachment)
					? ""
					: ` (it is of ${describeTag(found.comment ?? "")})`;
			return [
				`element ${describeElement(element)} of "${element.set.set}" in table "${table.family} ${table.table}"${held}`,
			];
		}),
		...missingConditions(socket, portMap),
	];
}

interface Removal {
	readonly attachment: NetworkAttachment;
	readonly known: KnownPorts | undefined;
}

function remove(socket: NetlinkSocket, { attachment, known }: Removal): void {
	const sets = listSets(socket, table);
	if (sets.size === 0) return;
	const isOwn = (element: SetElement) => isOwnedBy(element, attachment);
	const own =
		known === undefined
			? allElements(socket, sets).filter(isOwn)
			: knownElements(socket, { known, sets }).filter(isOwn);
	commit(socket, [...deletionsOf(own), ...conditionsDeletion(socket, conditionsChain(attachmentPrefix(attachment)))]);
}

/** What there is at the places where what is known of an attachment may be. */
function knownElements(
	socket: NetlinkSocket,
	{ known, sets }: { known: KnownPorts; sets: ReadonlySet<string> },
): readonly PlacedElement[] {
	const families = known.addresses.map(({ address }) => address.family);
	const ports = foundAt(
		socket,
		hostPorts(known.mappings, families.length === 0 ? [4, 6] : families).flatMap((port) => placesOf(port)),
	);
	const targets = [...known.addresses, ...targetsOf(ports)];
	const sources = foundAt(
		socket,
		targets.flatMap((target) => masqueradePlacesOf(target, sets)),
	);
	return unique([...ports, ...sources]);
}

function list(socket: NetlinkSocket, network: string): readonly PortMapOwner[] {
	const sets = listSets(socket, table);
	const prefix = networkPrefix(network);
	const owners = new Map<string, { comment: string; elements: PlacedElement[] }>();
	const ownerOf = (name: string, comment: string) => {
		const owner = owners.get(name) ?? { comment, elements: [] };
		owners.set(name, owner);
		return owner;
	};
	for (const element of allElements(socket, sets)) {
		const comment = element.comment ?? "";
		// The two hashes and the hyphen between them.
		if (comment.startsWith(prefix)) ownerOf(comment.slice(0, 33), comment).elements.push(element);
	}
	for (const { name } of sets.size === 0 ? [] : listChains(socket, table)) {
		const owner = name.slice(conditionsChainPrefix.length);
		if (name === conditionsChain(owner) && owner.startsWith(prefix)) ownerOf(owner, `chain "${name}"`);
	}
	return Array.from(owners, ([owner, { comment, elements }]) => ({
		description: comment,
		isOf: (attachment) => attachmentPrefix(attachment) === owner,
		remove: () =>
			withNftables((own) =>
				retryDisturbed(() => {
					const still = foundAt(own, elements).filter((element) => element.comment?.startsWith(owner));
					commit(own, [...deletionsOf(still), ...conditionsDeletion(own, conditionsChain(owner))]);
				}),
			),
	}));
}

/** The elements of every set of ours: as many as there are port maps on the host. */
function allElements(socket: NetlinkSocket, sets: Iterable<string>): readonly PlacedElement[] {
	return Array.from(sets).flatMap((set) => {
		const name = { ...table, set };
		return listElements(socket, name).map((element) => ({ ...element, set: name }));
	});
}

/** Elements jump to the chain until the same transaction deletes them: it has to stand behind that. */
function conditionsDeletion(socket: NetlinkSocket, chain: string): readonly Message[] {
	const name = { ...table, chain };
	return findChain(socket, name) === undefined ? [] : [flushChain(name), deleteChain(name)];
}

function unique(elements: readonly PlacedElement[]): readonly PlacedElement[] {
	return [...new Map(elements.map((element) => [`${element.set.set} ${element.key}`, element])).values()];
}

/** The containers' addresses that ports lead to. */
function targetsOf(elements: readonly PlacedElement[]): readonly IpPrefix[] {
	const targets: IpAddress[] = [];
	for (const element of elements) {
		const target = readPort(element)?.target;
		if (target !== undefined && !targets.some((other) => sameAddress(other, target))) targets.push(target);
	}
	return targets.map(hostPrefix);
}
