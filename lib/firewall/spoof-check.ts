import { attachmentPrefix, attachmentTag, type NetworkAttachment, networkPrefix } from "../cni/attachment-tag.ts";
import { CniError, ErrorCode } from "../cni/error.ts";
import { utf8Length } from "../linux/bytes.ts";
import { decodeUtf8 } from "../linux/utf8.ts";
import { findLink } from "../netlink/link.ts";
import { parseMac } from "../netlink/mac.ts";
import { commit, readGeneration, retryDisturbed } from "../netlink/nftables/batch.ts";
import { addChain, deleteChain, findChain, listChains } from "../netlink/nftables/chain.ts";
import { type Expression, sameExpressions } from "../netlink/nftables/expression.ts";
import { matchInputInterface, matchSourceMac } from "../netlink/nftables/match.ts";
import type { ChainName } from "../netlink/nftables/message.ts";
import { addRule, deleteRule, listRules, type Rule } from "../netlink/nftables/rule.ts";
import { addTable } from "../netlink/nftables/table.ts";
import { maximumComment } from "../netlink/nftables/user-data.ts";
import { openRouteSocket } from "../netlink/rtnetlink.ts";
import type { Message } from "../netlink/wire/message.ts";
import type { NetlinkSocket } from "../netlink/wire/socket.ts";
import { withNftables } from "./nftables-session.ts";

/**
 * Frames from a container pass with its own source address only. In the reference's form:
 *
 *     table bridge nat {
 *         chain PREROUTING {
 *             type filter hook prerouting priority dstnat; policy accept;
 *             iifname "HOST VETH" jump cni-br-iface-ID comment "macspoofchk-ID"
 *         }
 *         chain cni-br-iface-ID {
 *             comment "ATTACHMENT TAG"
 *             jump cni-br-iface-ID-mac comment "macspoofchk-ID"
 *         }
 *         chain cni-br-iface-ID-mac {
 *             ether saddr MAC return comment "macspoofchk-ID"
 *             drop comment "macspoofchk-ID"
 *         }
 *     }
 *
 * ID is `<containerId>-<ifName>` and does not tell the network; the comment of the first chain, which the reference
 * neither sets nor reads, does, for GC.
 */
const table = { family: "bridge", table: "nat" } as const;
const prerouting = { ...table, chain: "PREROUTING" } as const;
const hook = { type: "filter", hook: "prerouting", priority: -300, policy: "accept" } as const;

const chainPrefix = "cni-br-iface-";
const commentPrefix = "macspoofchk-";
/** NFT_NAME_MAXLEN without the terminator. */
const maximumName = 255;

/** What an attachment may send: frames with its own source address. */
export interface SpoofCheck extends NetworkAttachment {
	/** The host's end of the container's veth. */
	readonly hostIfName: string;
	/** The container's hardware address. */
	readonly mac: string;
}

/** Makes it so in one transaction, whatever was there of this attachment. @throws CniError */
export function applySpoofCheck({ hostIfName, mac, ...attachment }: SpoofCheck): void {
	const names = namesOf(attachment);
	assertLengths(names);
	const { iface, verdict, comment } = names;
	withNftables((socket) =>
		retryDisturbed(() => {
			const generation = readGeneration(socket);
			commit(
				socket,
				[
					addTable(table),
					addChain({ ...prerouting, hook }),
					...removal(socket, names),
					addChain({ ...iface, comment: attachmentTag(attachment) }),
					addChain(verdict),
					addRule(prerouting, { expressions: jumpFrom(hostIfName, iface), comment }),
					addRule(iface, { expressions: jumpTo(verdict), comment }),
					...verdictRules(mac).map((expressions) => addRule(verdict, { expressions, comment })),
				],
				{ generation },
			);
		}),
	);
}

/** @throws CniError that names everything that is missing of what {@link applySpoofCheck} made */
export function verifySpoofCheck({ hostIfName, mac, ...attachment }: SpoofCheck): void {
	const { iface, verdict } = namesOf(attachment);
	const missing = withNftables((socket) => {
		const base = findChain(socket, prerouting);
		if (base === undefined) return [`chain "${prerouting.chain}" of table "bridge nat"`];
		if (base.hook?.hook !== hook.hook)
			return [`hook "${hook.hook}" on chain "${prerouting.chain}" of table "bridge nat"`];
		const lacks = (chain: ChainName, expressions: readonly Expression[]) =>
			!listRules(socket, chain).some((rule) => sameExpressions(effective(rule), expressions));
		const words: string[] = [];
		if (lacks(prerouting, jumpFrom(hostIfName, iface))) {
			words.push(`rule "iifname ${hostIfName} jump ${iface.chain}" in chain "${prerouting.chain}"`);
		}
		if (findChain(socket, iface) === undefined) words.push(`chain "${iface.chain}"`);
		else if (lacks(iface, jumpTo(verdict))) words.push(`rule "jump ${verdict.chain}" in chain "${iface.chain}"`);
		return [...words, ...missingVerdicts(socket, { verdict, mac })];
	});
	if (missing.length === 0) return;
	throw new CniError(
		ErrorCode.internal,
		`Cannot find the MAC spoof check of interface "${attachment.ifName}" of container "${attachment.containerId}": ${missing.join("; ")} missing in table "bridge nat"`,
		{ details: "Somebody changed the host's nftables rules: restore them, or start the container again" },
	);
}

/** Removes what is there of the attachment's check; nothing there is success. @throws CniError */
export function removeSpoofCheck(attachment: NetworkAttachment): void {
	const own = attachmentPrefix(attachment);
	removeNames(namesOf(attachment), (tag) => tag === "" || tag.startsWith(own));
}

/**
 * Removes the checks of attachments of the network that are not among the valid ones. A check that the reference made
 * does not tell its network: it goes when the link that it watches is gone, which no living container's is.
 *
 * @throws CniError: the first, after everything was tried
 */
export function collectSpoofChecks(
	network: string,
	validAttachments: readonly Omit<NetworkAttachment, "network">[],
): void {
	const validIds = new Set(validAttachments.map(({ containerId, ifName }) => `${containerId}-${ifName}`));
	const validTags = new Set(validAttachments.map((attachment) => attachmentPrefix({ ...attachment, network })));
	const { tagged, rules } = withNftables(
		(socket) => ({
			tagged: listChains(socket, table).filter(({ name, comment }) => name.startsWith(chainPrefix) && comment !== ""),
			rules: listRules(socket, prerouting).filter(({ comment }) => comment.startsWith(commentPrefix)),
		}),
		() => ({ tagged: [], rules: [] }),
	);
	const taggedIds = new Set(tagged.map(({ name }) => name.slice(chainPrefix.length)));
	const leakedHere = tagged
		.filter(({ comment }) => comment.startsWith(`${networkPrefix(network)}-`))
		// The two hashes and the hyphen between them.
		.filter(({ comment }) => !validTags.has(comment.slice(0, 33)))
		.map(({ name }) => name.slice(chainPrefix.length));
	const leakedByReference = rules
		.map((rule) => ({ id: rule.comment.slice(commentPrefix.length), link: watchedLink(rule) }))
		.filter(({ id, link }) => !taggedIds.has(id) && !validIds.has(id) && link !== undefined && isLinkGone(link))
		.map(({ id }) => id);
	let failure: unknown;
	for (const id of new Set([...leakedHere, ...leakedByReference])) {
		try {
			removeNames(namesOfId(id));
		} catch (thrown) {
			failure ??= thrown;
		}
	}
	if (failure !== undefined) throw failure;
}

/** A check as the ruleset has it. */
export interface InstalledSpoofCheck {
	/** `<containerId>-<ifName>` */
	readonly id: string;
	/** Of its owner; undefined where the reference has made it. */
	readonly tag: string | undefined;
	/** The host's interface that it watches; undefined where nothing leads to it. */
	readonly link: string | undefined;
}

/** Every check that there is. @throws CniError */
export function listSpoofChecks(): readonly InstalledSpoofCheck[] {
	return withNftables(
		(socket) => {
			const rules = listRules(socket, prerouting);
			const linkOf = (id: string) => {
				const rule = rules.find(({ comment }) => comment === `${commentPrefix}${id}`);
				return rule === undefined ? undefined : watchedLink(rule);
			};
			return listChains(socket, table)
				.filter(({ name }) => name.startsWith(chainPrefix) && !name.endsWith("-mac"))
				.map(({ name, comment }) => {
					const id = name.slice(chainPrefix.length);
					return { id, tag: comment === "" ? undefined : comment, link: linkOf(id) };
				});
		},
		() => [],
	);
}

/** Removes the check of this id; nothing there is success. @throws CniError */
export function removeSpoofCheckOf(id: string): void {
	removeNames(namesOfId(id));
}

interface Names {
	/** Where the interface's frames go. */
	readonly iface: ChainName;
	/** Where their address is judged. */
	readonly verdict: ChainName;
	readonly comment: string;
}

function namesOf({ containerId, ifName }: Omit<NetworkAttachment, "network">): Names {
	return namesOfId(`${containerId}-${ifName}`);
}

function namesOfId(id: string): Names {
	const chain = `${chainPrefix}${id}`;
	return {
		iface: { ...table, chain },
		verdict: { ...table, chain: `${chain}-mac` },
		comment: `${commentPrefix}${id}`,
	};
}

function haveValidLengths({ verdict, comment }: Names): boolean {
	return utf8Length(verdict.chain) <= maximumName && utf8Length(comment) <= maximumComment;
}

function assertLengths(names: Names): void {
	const { verdict } = names;
	if (haveValidLengths(names)) return;
	throw new CniError(
		ErrorCode.invalidNetworkConfig,
		`Cannot check the MAC address: the chain "${verdict.chain}" would have a name of more than ${maximumName} bytes`,
		{ details: 'Use shorter container ids, or turn "macspoofchk" off' },
	);
}

/** @param isOwn of the tag of what has the names, where another network of the container may have them */
function removeNames(names: Names, isOwn: (tag: string) => boolean = () => true): void {
	// Names that are too long cannot be there, and the kernel would refuse to look.
	if (!haveValidLengths(names)) return;
	withNftables(
		(socket) =>
			retryDisturbed(() => {
				const generation = readGeneration(socket);
				if (!isOwn(findChain(socket, names.iface)?.comment ?? "")) return;
				commit(socket, removal(socket, names), { generation });
			}),
		() => {},
	);
}

/** Deletes rules before the chains that they jump to; table and base chain stay, others may use them. */
function removal(socket: NetlinkSocket, { iface, verdict, comment }: Names): readonly Message[] {
	return [
		...listRules(socket, { ...prerouting, containing: comment })
			.filter((rule) => rule.comment === comment)
			.map(({ handle }) => deleteRule(prerouting, handle)),
		...[iface, verdict].filter((chain) => findChain(socket, chain) !== undefined).map(deleteChain),
	];
}

function jumpFrom(hostIfName: string, { chain }: ChainName): readonly Expression[] {
	return [...matchInputInterface(hostIfName), { kind: "verdict", verdict: "jump", chain }];
}

function jumpTo({ chain }: ChainName): readonly Expression[] {
	return [{ kind: "verdict", verdict: "jump", chain }];
}

/** `ether saddr MAC return`, and `drop`. */
function verdictRules(mac: string): readonly (readonly Expression[])[] {
	const bytes = parseMac(mac);
	if (bytes?.byteLength !== 6) throw new CniError(ErrorCode.internal, `address ${mac}: invalid MAC address`);
	return [[...matchSourceMac(bytes), { kind: "verdict", verdict: "return" }], [{ kind: "verdict", verdict: "drop" }]];
}

function missingVerdicts(
	socket: NetlinkSocket,
	{ verdict, mac }: { verdict: ChainName; mac: string },
): readonly string[] {
	if (findChain(socket, verdict) === undefined) return [`chain "${verdict.chain}"`];
	const rules = listRules(socket, verdict).map(effective);
	const names = [`ether saddr ${mac} return`, "drop"];
	const places = verdictRules(mac).map((wanted) => rules.findIndex((rule) => sameExpressions(rule, wanted)));
	const missing = names.filter((_, index) => (places[index] ?? -1) < 0);
	// Behind the drop, the return is never reached.
	const [pass = -1, drop = -1] = places;
	const words = missing.length === 0 && pass > drop ? [`${names[0]}" before "${names[1]}`] : missing;
	return words.map((name) => `rule "${name}" in chain "${verdict.chain}"`);
}

function effective({ expressions }: Rule): readonly Expression[] {
	return expressions.filter((expression) => expression.kind !== "other" || expression.name !== "counter");
}

function isLinkGone(name: string): boolean {
	using socket = openRouteSocket();
	return findLink(socket, { name }) === undefined;
}

/** The name that the rule's `iifname` compares with. */
function watchedLink({ expressions }: Rule): string | undefined {
	const [first, second] = expressions;
	if (first?.kind !== "meta" || first.key !== "iifname" || second?.kind !== "compare") return undefined;
	return decodeUtf8(second.bytes).replace(/\0+$/, "");
}
