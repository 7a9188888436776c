import { parseTag, type TagOwner } from "../cni/attachment-tag.ts";
import { addressFromBytes, type IpAddress } from "../ip/address.ts";
import { listChains } from "../netlink/nftables/chain.ts";
import { listElements } from "../netlink/nftables/element.ts";
import type { TableName } from "../netlink/nftables/message.ts";
import { listRules, type Rule } from "../netlink/nftables/rule.ts";
import { listSets } from "../netlink/nftables/set.ts";
import type { NetlinkSocket } from "../netlink/wire/socket.ts";
import type { RecordKind } from "../state/firewall-records.ts";
import { isolatedPorts } from "./forward-layout.ts";
import { tables as groupTables } from "./nftables-groups/tables.ts";
import { readPort } from "./nftables-ports/elements.ts";
import { conditionsChainPrefix, table as suiteTable } from "./nftables-ports/layout.ts";
import { withNftables } from "./nftables-session.ts";
import type { PlacedElement } from "./owned-elements.ts";

/** What nf_tables holds of a kind for one attachment, whether or not there is a record of it. */
export interface TaggedRules {
	readonly kind: RecordKind;
	readonly owner: TagOwner;
	/** Of the container, as far as the rules say. */
	readonly addresses: readonly IpAddress[];
	/** The tables in which something is: `inet cni_suite`. */
	readonly tables: readonly string[];
	/** How many rules, elements and chains there are. */
	readonly count: number;
}

/** Everything that nf_tables has with the tag of an attachment. @throws CniError when it cannot be read */
export function listTaggedRules(): readonly TaggedRules[] {
	const things = withNftables(
		(socket) => [
			...masqueradeRules(socket),
			...suiteElements(socket),
			...conditionChains(socket),
			...groupElements(socket),
		],
		() => [],
	);
	const together = Map.groupBy(things, ({ kind, owner }) => `${kind} ${owner.prefix}`);
	return Array.from(together.values(), (some) => {
		const [first] = some;
		if (first === undefined) throw new TypeError("Cannot describe no rules");
		return {
			kind: first.kind,
			owner: some.find(({ owner }) => owner.attachment !== undefined)?.owner ?? first.owner,
			addresses: some.flatMap(({ address }) => address ?? []),
			tables: [...new Set(some.map(({ table }) => table))],
			count: some.length,
		};
	});
}

interface TaggedThing {
	readonly kind: RecordKind;
	readonly owner: TagOwner;
	readonly address?: IpAddress | undefined;
	readonly table: string;
}

const masqueradeTable = { family: "inet", table: "cni_plugins_masquerade" } as const;

function masqueradeRules(socket: NetlinkSocket): readonly TaggedThing[] {
	return listRules(socket, { ...masqueradeTable, chain: "masq_checks" }).flatMap((rule) => {
		const owner = parseTag(rule.comment);
		return owner === undefined
			? []
			: [{ kind: "masquerade" as const, owner, address: sourceOf(rule), table: nameOf(masqueradeTable) }];
	});
}

/** `ip saddr ADDRESS`, which every such rule begins with. */
function sourceOf({ expressions }: Rule): IpAddress | undefined {
	const source = expressions.findIndex(({ kind }) => kind === "payload");
	const next = source < 0 ? undefined : expressions[source + 1];
	if (next?.kind !== "compare") return undefined;
	return [4, 16].includes(next.bytes.byteLength) ? addressFromBytes(next.bytes) : undefined;
}

/** Port maps and accepted forwarding share a table; the names of sets tell them apart. */
function suiteElements(socket: NetlinkSocket): readonly TaggedThing[] {
	const bridgeTable = { family: isolatedPorts.family, table: isolatedPorts.table };
	return [suiteTable, bridgeTable].flatMap((table) =>
		taggedElements(socket, table).map(({ owner, element }) => {
			const { set } = element.set;
			const forwarded = /^forward[46]$/.test(set);
			const isForward = forwarded || set === isolatedPorts.set;
			const address = forwarded ? addressFromBytes(element.key) : readPort(element)?.target;
			return { kind: isForward ? ("forward" as const) : ("portmap" as const), owner, address, table: nameOf(table) };
		}),
	);
}

/** An attachment with conditions has a chain, which bears the hashes of its tag in its name. */
function conditionChains(socket: NetlinkSocket): readonly TaggedThing[] {
	return listChains(socket, suiteTable).flatMap(({ name }) => {
		const owner = name.startsWith(conditionsChainPrefix)
			? parseTag(name.slice(conditionsChainPrefix.length))
			: undefined;
		return owner === undefined ? [] : [{ kind: "portmap" as const, owner, table: nameOf(suiteTable) }];
	});
}

function groupElements(socket: NetlinkSocket): readonly TaggedThing[] {
	return groupTables.flatMap((table) =>
		taggedElements(socket, table).map(({ owner, element }) => ({
			kind: "groups" as const,
			owner,
			address: /^addresses[46]$/.test(element.set.set) ? addressFromBytes(element.key) : undefined,
			table: nameOf(table),
		})),
	);
}

function taggedElements(
	socket: NetlinkSocket,
	table: TableName,
): readonly { readonly owner: TagOwner; readonly element: PlacedElement }[] {
	return Array.from(listSets(socket, table)).flatMap((name) => {
		const set = { ...table, set: name };
		return listElements(socket, set).flatMap((element) => {
			const owner = parseTag(element.comment ?? "");
			return owner === undefined ? [] : [{ owner, element: { ...element, set } }];
		});
	});
}

function nameOf({ family, table }: TableName): string {
	return `${family} ${table}`;
}
