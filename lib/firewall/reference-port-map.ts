import type { NetworkAttachment } from "../cni/attachment-tag.ts";
import { addressFromBytes, addressToBytes, type Family, type IpAddress } from "../ip/address.ts";
import { sameBytes } from "../linux/same-bytes.ts";
import { commit, readGeneration, retryDisturbed } from "../netlink/nftables/batch.ts";
import type { Expression } from "../netlink/nftables/expression.ts";
import { deleteRule, listRules, type Rule } from "../netlink/nftables/rule.ts";
import { haveTables } from "../netlink/nftables/table.ts";
import type { NetlinkSocket } from "../netlink/wire/socket.ts";
import { type Nftables, withNftables } from "./nftables-session.ts";
import {
	describePort,
	hostPorts,
	type KnownPorts,
	type PortEntry,
	type PortHolder,
	type PortMap,
	type PortMapBackend,
	portEntries,
	portsOverlap,
	protocolNumbers,
	protocols,
} from "./port-map-backend.ts";

/**
 * What the reference makes with `"backend": "nftables"`: a rule for each port, whose comment is the container's id. It
 * says neither network nor interface, so that GC cannot tell whose it is and leaves it to DEL. Nothing is made here.
 *
 *     table ip cni_hostport {                 # and ip6
 *         chain hostports {                   # hostip_hostports in older releases, for those with a host address
 *             ip daddr 192.0.2.1 tcp dport 8080 dnat to 10.1.2.3:80 comment "<container id>"
 *         }
 *         chain masquerading {
 *             ip saddr 10.1.2.3 ip daddr 10.1.2.3 masquerade comment "<container id>"
 *         }
 *     }
 */
export function referencePortMap(nftables: Nftables): Pick<PortMapBackend, "holders" | "verify" | "remove"> {
	return {
		holders: (portMap) => inTables(nftables, (socket, family) => holders(socket, { portMap, family })),
		verify: (portMap) => inTables(nftables, (socket, family) => missing(socket, { portMap, family }), { always: true }),
		remove(attachment, known) {
			inTables(nftables, (socket, family) => {
				retryDisturbed(() => remove(socket, { attachment, known, family }));
				return [];
			});
		},
	};
}

/** What the reference has for a container, of whichever network. */
export interface ReferencePorts {
	readonly containerId: string;
	/** Of the container, as far as the rules say. */
	readonly addresses: readonly IpAddress[];
	/** @throws CniError */
	remove(): void;
}

/** All containers that such rules name. @throws CniError */
export function listReferencePorts(): readonly ReferencePorts[] {
	const rules = inTables(withNftables, (socket, family) =>
		[...portChains, masqueradeChain].flatMap((chain) =>
			listRules(socket, { ...tableOf(family), chain })
				.filter(({ comment }) => comment !== "")
				.map(({ comment, expressions }) => ({ comment, address: readPort(expressions, family)?.target })),
		),
	);
	return Array.from(
		Map.groupBy(rules, ({ comment }) => comment),
		([containerId, some]) => ({
			containerId,
			addresses: some.flatMap(({ address }) => address ?? []),
			remove: () => referencePortMap(withNftables).remove({ network: "", ifName: "", containerId }, undefined),
		}),
	);
}

const portChains = ["hostports", "hostip_hostports"] as const;
const masqueradeChain = "masquerading";

const families = [4, 6] as const;

function tableOf(family: Family) {
	return { family: family === 4 ? "ip" : "ip6", table: "cni_hostport" } as const;
}

/** Runs the action for each family that has the table, or for both. */
function inTables<T>(
	nftables: Nftables,
	action: (socket: NetlinkSocket, family: Family) => readonly T[],
	{ always = false } = {},
): readonly T[] {
	return nftables(
		(socket) => {
			const present = always ? [] : haveTables(socket, families.map(tableOf));
			return families.flatMap((family, index) => (always || present[index] ? action(socket, family) : []));
		},
		() => [],
	);
}

function holders(
	socket: NetlinkSocket,
	{ portMap, family }: { portMap: PortMap; family: Family },
): readonly PortHolder[] {
	const isConcerned = portMap.addresses.some(({ address }) => address.family === family);
	const wanted = isConcerned ? hostPorts(portMap.mappings, [family]) : [];
	return portRules(socket, family).flatMap(({ comment, expressions }) => {
		const port = comment === portMap.attachment.containerId ? undefined : readPort(expressions, family);
		if (port === undefined || !wanted.some((other) => portsOverlap(port, other))) return [];
		const { family: ip, table } = tableOf(family);
		return [
			{
				description: `container "${comment}" (in table "${ip} ${table}")`,
				port: describePort(port),
				record: () => undefined,
				release() {},
			},
		];
	});
}

function missing(socket: NetlinkSocket, { portMap, family }: { portMap: PortMap; family: Family }): readonly string[] {
	const container = portMap.addresses.find(({ address }) => address.family === family);
	if (container === undefined) return [];
	const { containerId } = portMap.attachment;
	const present = portRules(socket, family)
		.filter(({ comment }) => comment === containerId)
		.map(({ expressions }) => readPort(expressions, family));
	const masquerades = listRules(socket, { ...tableOf(family), chain: masqueradeChain }).some(
		(rule) => rule.comment === containerId && mentions(rule, addressToBytes(container.address)),
	);
	return [
		...portEntries({ ...portMap, addresses: [container] })
			.filter((wanted) => !present.some((port) => port !== undefined && samePort(port, wanted)))
			.map((wanted) => `rule for ${describePort(wanted)} in chain "hostports"`),
		...(portMap.snat && !masquerades ? [`rule in chain "${masqueradeChain}"`] : []),
	];
}

interface Removal {
	readonly attachment: NetworkAttachment;
	readonly known: KnownPorts | undefined;
	readonly family: Family;
}

/** Where its addresses are known, the container's rules of other networks stay. */
function remove(socket: NetlinkSocket, { attachment, known, family }: Removal): void {
	const generation = readGeneration(socket);
	const addresses = (known?.addresses ?? [])
		.filter(({ address }) => address.family === family)
		.map(({ address }) => addressToBytes(address));
	const deletions = [...portChains, masqueradeChain].flatMap((chain) =>
		listRules(socket, { ...tableOf(family), chain, containing: attachment.containerId })
			.filter(({ comment }) => comment === attachment.containerId)
			.filter((rule) => addresses.length === 0 || addresses.some((address) => mentions(rule, address)))
			.map(({ handle }) => deleteRule({ ...tableOf(family), chain }, handle)),
	);
	commit(socket, deletions, { generation });
}

function portRules(socket: NetlinkSocket, family: Family): readonly Rule[] {
	return portChains.flatMap((chain) => listRules(socket, { ...tableOf(family), chain }));
}

function mentions({ expressions }: Rule, bytes: Uint8Array): boolean {
	return expressions.some((expression) => "bytes" in expression && sameBytes(expression.bytes, bytes));
}

function samePort(a: PortEntry, b: PortEntry): boolean {
	return portsOverlap(a, b) && a.target.value === b.target.value && a.targetPort === b.targetPort;
}

/** Reads `[ip daddr ADDRESS] PROTOCOL dport PORT dnat to ADDRESS:PORT`; undefined for any other rule. */
function readPort(expressions: readonly Expression[], family: Family): PortEntry | undefined {
	const compared = (isField: (expression: Expression) => boolean) => {
		const next = expressions[expressions.findIndex(isField) + 1];
		return next?.kind === "compare" && expressions.some(isField) ? next.bytes : undefined;
	};
	const number = compared((field) => field.kind === "meta" && field.key === "l4proto")?.[0];
	const hostPort = compared((field) => field.kind === "payload" && field.base === "transport" && field.offset === 2);
	const hostAddress = compared((field) => field.kind === "payload" && field.base === "network");
	const [target, targetPort] = expressions.flatMap((expression) =>
		expression.kind === "load" ? [expression.bytes] : [],
	);
	const protocol = protocols.find((name) => protocolNumbers[name] === number);
	if (protocol === undefined || hostPort === undefined || target === undefined || targetPort === undefined) {
		return undefined;
	}
	return {
		family,
		protocol,
		hostPort: portIn(hostPort),
		hostAddress: hostAddress === undefined ? undefined : addressFromBytes(hostAddress),
		target: addressFromBytes(target),
		targetPort: portIn(targetPort),
	};
}

function portIn(bytes: Uint8Array): number {
	return ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0);
}
