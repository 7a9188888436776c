import { attachmentPrefix, attachmentTag, networkPrefix } from "../cni/attachment-tag.ts";
import { formatPrefix, hostPrefix, type IpPrefix, networkOf, parsePrefix } from "../ip/address.ts";
import { commit, readGeneration, retryDisturbed } from "../netlink/nftables/batch.ts";
import { addChain, findChain } from "../netlink/nftables/chain.ts";
import { type Expression, sameExpressions } from "../netlink/nftables/expression.ts";
import { matchAddress, matchFamily } from "../netlink/nftables/match.ts";
import { addRule, deleteRule, flushChain, listRules, type NewRule, type Rule } from "../netlink/nftables/rule.ts";
import { addTable, hasTable } from "../netlink/nftables/table.ts";
import type { Message } from "../netlink/wire/message.ts";
import type { NetlinkSocket } from "../netlink/wire/socket.ts";
import type { Masquerade, MasqueradeBackend, MasqueradeEntry } from "./masquerade-backend.ts";
import { type Nftables, withNftables } from "./nftables-session.ts";

/**
 * The table, shared with the reference suite, which finds rules in it as we do: by the hashes that their comment
 * begins with.
 *
 *     table inet cni_plugins_masquerade {
 *         chain masq_checks {
 *             ip saddr 10.1.2.3 ip daddr != 10.1.2.0/24 masquerade comment "<attachment tag>"
 *         }
 *         chain postrouting {
 *             type nat hook postrouting priority srcnat; policy accept;
 *             ip daddr 224.0.0.0/4 return
 *             ip6 daddr ff00::/8 return
 *             goto masq_checks
 *         }
 *     }
 */
const table = { family: "inet", table: "cni_plugins_masquerade" } as const;
const checks = { ...table, chain: "masq_checks" } as const;
const postrouting = { ...table, chain: "postrouting" } as const;
const hook = { type: "nat", hook: "postrouting", priority: 100 } as const;

const tableComment = "Masquerading for plugins from github.com/containernetworking/plugins";
const checksComment = "Masquerade traffic from certain IPs to any (non-multicast) IP outside their subnet";

/** Masquerading through nf_tables. */
export function nftablesMasquerade(nftables: Nftables): MasqueradeBackend {
	return {
		apply: (masquerade) => nftables((socket) => retryDisturbed(() => apply(socket, masquerade))),
		verify: (masquerade) =>
			nftables(
				(socket) => verify(socket, masquerade),
				() => [`table "${table.family} ${table.table}" (the kernel has no nf_tables)`],
			),
		remove: (attachment) =>
			nftables(
				(socket) => retryDisturbed(() => removeByPrefix(socket, attachmentPrefix(attachment))),
				() => {},
			),
		list: (network) =>
			nftables(
				(socket) => list(socket, network),
				() => [],
			),
	};
}

function apply(socket: NetlinkSocket, masquerade: Masquerade): void {
	const wanted = rulesOf(masquerade);
	const additions = wanted.map((rule) => addRule(checks, rule));
	const base = isBaseRight(socket) ? [] : makeBase();
	const prefix = attachmentPrefix(masquerade.attachment);
	if (rulesWith(socket, prefix).length === 0) {
		// A new container's rules need no unchanged ruleset: many that start at once would hold each other up.
		commit(socket, [...base, ...additions]);
		return;
	}
	const generation = readGeneration(socket);
	const old = rulesWith(socket, prefix);
	commit(socket, isSame(old, wanted) ? base : [...base, ...deletionOf(old), ...additions], { generation });
}

function removeByPrefix(socket: NetlinkSocket, prefix: string): void {
	if (rulesWith(socket, prefix).length === 0) return;
	const generation = readGeneration(socket);
	commit(socket, deletionOf(rulesWith(socket, prefix)), { generation });
}

function verify(socket: NetlinkSocket, masquerade: Masquerade): readonly string[] {
	if (!hasTable(socket, table)) return [`table "${table.family} ${table.table}"`];
	const missing = missingBase(socket);
	const rules = rulesWith(socket, attachmentPrefix(masquerade.attachment));
	for (const prefix of masquerade.addresses) {
		const wanted = ruleFor(prefix);
		if (!rules.some(({ expressions }) => sameExpressions(effective(expressions), wanted))) {
			missing.push(
				`rule for ${formatPrefix(prefix)} in chain "${checks.chain}" of table "${table.family} ${table.table}"`,
			);
		}
	}
	return missing;
}

function list(socket: NetlinkSocket, network: string): readonly MasqueradeEntry[] {
	const owners = new Map<string, string>();
	for (const { comment } of rulesWith(socket, networkPrefix(network))) {
		// The two hashes and the hyphen between them.
		owners.set(comment.slice(0, 33), comment);
	}
	return Array.from(owners, ([prefix, comment]) => ({
		description: comment,
		isOf: (attachment) => attachmentPrefix(attachment) === prefix,
		remove: () => withNftables((own) => retryDisturbed(() => removeByPrefix(own, prefix))),
	}));
}

/** The rules of masq_checks whose comment begins with the text. */
function rulesWith(socket: NetlinkSocket, prefix: string): readonly Rule[] {
	return listRules(socket, { ...checks, containing: prefix }).filter(({ comment }) => comment.startsWith(prefix));
}

function deletionOf(rules: readonly Rule[]): readonly Message[] {
	return rules.map(({ handle }) => deleteRule(checks, handle));
}

function rulesOf({ attachment, addresses }: Masquerade): readonly NewRule[] {
	const comment = attachmentTag(attachment);
	return addresses.map((prefix) => ({ expressions: ruleFor(prefix), comment }));
}

/** `ip saddr ADDRESS ip daddr != NETWORK masquerade` */
function ruleFor(prefix: IpPrefix): readonly Expression[] {
	return [
		...matchFamily(prefix.address.family),
		...matchAddress("saddr", { operator: "==", prefix: hostPrefix(prefix.address) }),
		...matchAddress("daddr", { operator: "!=", prefix: networkOf(prefix) }),
		{ kind: "masquerade" },
	];
}

/** The three rules that send all but multicast through masq_checks, and what they are called in messages. */
function postroutingRules(): readonly { readonly name: string; readonly expressions: readonly Expression[] }[] {
	return [
		{ name: "ip daddr 224.0.0.0/4 return", expressions: returnMulticast("224.0.0.0/4") },
		{ name: "ip6 daddr ff00::/8 return", expressions: returnMulticast("ff00::/8") },
		{ name: "goto masq_checks", expressions: [{ kind: "verdict", verdict: "goto", chain: checks.chain }] },
	];
}

function returnMulticast(text: string): readonly Expression[] {
	const prefix = parsePrefix(text);
	if (prefix === undefined) throw new TypeError(`Cannot read prefix "${text}"`);
	return [
		...matchFamily(prefix.address.family),
		...matchAddress("daddr", { operator: "==", prefix }),
		{ kind: "verdict", verdict: "return" },
	];
}

/** Whether the rules of the base chain are there: they cannot be without table and chains. */
function isBaseRight(socket: NetlinkSocket): boolean {
	const wanted = postroutingRules();
	const rules = listRules(socket, postrouting);
	return (
		rules.length === wanted.length &&
		wanted.every(({ expressions }, index) => sameExpressions(effective(rules[index]?.expressions ?? []), expressions))
	);
}

/** Adds what is missing of table and chains and rewrites the base chain, wherever somebody's flush left off. */
function makeBase(): readonly Message[] {
	return [
		addTable(table, { comment: tableComment }),
		addChain({ ...checks, comment: checksComment }),
		addChain({ ...postrouting, hook }),
		flushChain(postrouting),
		...postroutingRules().map(({ expressions }) => addRule(postrouting, { expressions })),
	];
}

function missingBase(socket: NetlinkSocket): string[] {
	const inTable = `of table "${table.family} ${table.table}"`;
	const missing: string[] = [];
	if (findChain(socket, checks) === undefined) missing.push(`chain "${checks.chain}" ${inTable}`);
	const base = findChain(socket, postrouting);
	if (base === undefined) return [...missing, `chain "${postrouting.chain}" ${inTable}`];
	if (base.hook?.type !== hook.type || base.hook.hook !== hook.hook) {
		missing.push(`hook "${hook.type} ${hook.hook}" on chain "${postrouting.chain}" ${inTable}`);
	}
	const rules = listRules(socket, postrouting).map(({ expressions }) => effective(expressions));
	for (const { name, expressions } of postroutingRules()) {
		if (!rules.some((rule) => sameExpressions(rule, expressions))) {
			missing.push(`rule "${name}" in chain "${postrouting.chain}" ${inTable}`);
		}
	}
	return missing;
}

function isSame(rules: readonly Rule[], wanted: readonly NewRule[]): boolean {
	return (
		rules.length === wanted.length &&
		wanted.every(({ expressions, comment }, index) => {
			const rule = rules[index];
			return rule !== undefined && rule.comment === comment && sameExpressions(rule.expressions, expressions);
		})
	);
}

/** The steps without counters, which somebody may have put in to look at his traffic. */
function effective(expressions: readonly Expression[]): readonly Expression[] {
	return expressions.filter((expression) => expression.kind !== "other" || expression.name !== "counter");
}
