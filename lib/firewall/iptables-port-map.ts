import type { NetworkAttachment } from "../cni/attachment-tag.ts";
import type { Family } from "../ip/address.ts";
import { findChain } from "../netlink/nftables/chain.ts";
import { listRules } from "../netlink/nftables/rule.ts";
import { findRecord } from "../state/firewall-records.ts";
import { canonicalRule } from "./iptables/canonical-rule.ts";
import { isLegacyInUse } from "./iptables/in-use.ts";
import { assertPlain } from "./iptables/plain-name.ts";
import {
	containerRules,
	dnatChain,
	isPortChain,
	jumpCommentPrefix,
	jumpRules,
	masqueradeChain,
	oldSnatChain,
	oldSnatChainOf,
	parseJumpComment,
	portChainOf,
	setMarkChain,
	sharedRules,
	type WantedRule,
} from "./iptables/port-rules.ts";
import { defaultKind, hasRule, type Kind, restoreNat, saveNat } from "./iptables/program.ts";
import { natTables, removeChain } from "./iptables/remove-chain.ts";
import { parseSavedChains, parseSavedRules, type SavedRule, splitWords } from "./iptables/saved-rule.ts";
import { withNftables } from "./nftables-session.ts";
import {
	describePort,
	type HostPort,
	hostPorts,
	type PortHolder,
	type PortMap,
	type PortMapBackend,
	type PortMapOwner,
	portsOverlap,
	protocols,
} from "./port-map-backend.ts";

/** Port maps through iptables; `iptables/port-rules.ts` draws what they look like. */
export const iptablesPortMap: PortMapBackend = { holders, apply, verify, remove, list };

const families: readonly Family[] = [4, 6];

function apply(portMap: PortMap): void {
	assertPlain(portMap.attachment);
	for (const family of familiesOf(portMap)) {
		const saved = mayHavePorts(family, portMap) ? saveNat(family) : [];
		const lines = missingLines(portMap, { family, saved });
		if (lines.length > 0) restoreNat(lines, { family });
	}
}

function verify(portMap: PortMap): readonly string[] {
	assertPlain(portMap.attachment);
	return familiesOf(portMap).flatMap((family) => {
		// Looking with iptables-legacy would make the table that it looks for.
		const saved = mayHavePorts(family, portMap) ? saveNat(family) : [];
		return missingWords(portMap, { family, saved });
	});
}

function remove(attachment: NetworkAttachment): void {
	removeChain({ chain: portChainOf(attachment), parent: dnatChain });
	removeChain({ chain: oldSnatChainOf(attachment), parent: oldSnatChain });
}

function list(network: string): readonly PortMapOwner[] {
	const prefix = jumpCommentPrefix(network);
	const chains = new Set(families.flatMap((family) => [...nftChains(prefix, family), ...legacyChains(prefix, family)]));
	return Array.from(chains, (chain) => ({
		description: `chain "${chain}" of table nat, network "${network}"`,
		isOf: (attachment) => portChainOf(attachment) === chain,
		remove: () => removeChain({ chain, parent: dnatChain }),
	}));
}

function familiesOf({ addresses }: PortMap): readonly Family[] {
	return families.filter((family) => addresses.some(({ address }) => address.family === family));
}

interface Present {
	readonly family: Family;
	/** Of iptables-save. */
	readonly saved: readonly string[];
}

/** The lines that bring everything up to what is wanted, for iptables-restore. */
function missingLines(portMap: PortMap, { family, saved }: Present): readonly string[] {
	const chain = portChainOf(portMap.attachment);
	const chains = parseSavedChains(saved);
	const rules = parseSavedRules(saved);
	const isThere = rulesByChain(rules);
	const shared = sharedRules(portMap);
	return [
		...shared.chains.filter((name) => !chains.includes(name)).map(declaration),
		...shared.rules
			.filter((rule) => !isThere(rule))
			.map(({ first, ...rule }) => `${first ? `-I ${rule.chain} 1` : `-A ${rule.chain}`} ${rule.specification}`),
		...(isWhole(portMap, { family, rules })
			? []
			: [
					// Of a chain that exists, this deletes the rules.
					declaration(chain),
					...jumpsTo(rules, chain).map((rule) => `-D ${rule.chain} ${rule.specification}`),
					...[...containerRules(portMap, family), ...jumpRules(portMap, family)].map(
						(rule) => `-A ${rule.chain} ${rule.specification}`,
					),
				]),
	];
}

function declaration(chain: string): string {
	return `:${chain} - [0:0]`;
}

/** Whether the container's chain and the jumps to it are as wanted, and nothing is left of an earlier ADD. */
function isWhole(portMap: PortMap, { family, rules }: { family: Family; rules: readonly SavedRule[] }): boolean {
	const chain = portChainOf(portMap.attachment);
	const canonical = (some: readonly { specification: string }[]) =>
		some.map(({ specification }) => canonicalRule(specification));
	const inChain = canonical(rules.filter((rule) => rule.chain === chain));
	const jumps = canonical(jumpsTo(rules, chain));
	const wantedJumps = canonical(jumpRules(portMap, family));
	return (
		inChain.join("\0") === canonical(containerRules(portMap, family)).join("\0") &&
		jumps.sort().join("\0") === wantedJumps.sort().join("\0")
	);
}

function jumpsTo(rules: readonly SavedRule[], chain: string): readonly SavedRule[] {
	return rules.filter((rule) => rule.target === chain);
}

/**
 * Tells whether a wanted rule is among those of its chain. Each chain is read once, when it is first asked for: one
 * container can have hundreds of rules, and the host thousands.
 */
function rulesByChain(rules: readonly SavedRule[]): (rule: WantedRule) => boolean {
	const known = new Map<string, ReadonlySet<string>>();
	return ({ chain, specification }) => {
		let present = known.get(chain);
		if (present === undefined) {
			const own = rules.filter((rule) => rule.chain === chain);
			present = new Set(own.map((rule) => canonicalRule(rule.specification)));
			known.set(chain, present);
		}
		return present.has(canonicalRule(specification));
	};
}

function missingWords(portMap: PortMap, { family, saved }: Present): readonly string[] {
	const chain = portChainOf(portMap.attachment);
	const chains = parseSavedChains(saved);
	const rules = parseSavedRules(saved);
	const isThere = rulesByChain(rules);
	const shared = sharedRules(portMap);
	const place = `of iptables table "nat" (IPv${family})`;
	return [
		...[...shared.chains, chain].filter((name) => !chains.includes(name)).map((name) => `chain "${name}" ${place}`),
		...[...shared.rules, ...containerRules(portMap, family)]
			.filter((rule) => chains.includes(rule.chain) && !isThere(rule))
			.map((rule) => `rule "${rule.specification}" in chain "${rule.chain}" ${place}`),
		...jumpRules(portMap, family)
			.filter(
				(rule) => chains.includes(rule.chain) && !isThere(rule) && !isThereInOtherWords(rule, { portMap, family }),
			)
			.map((rule) => `rule "${rule.specification}" in chain "${rule.chain}" ${place}`),
	];
}

/** Conditions may be printed in other words than they were given in: then iptables itself is asked. */
function isThereInOtherWords(
	{ chain, specification }: WantedRule,
	{ portMap, family }: { portMap: PortMap; family: Family },
): boolean {
	return portMap.conditions[family].length > 0 && hasRule({ chain, words: splitWords(specification), family });
}

/** Whether reading the rules could show anything of ours; asked of the kernel, to save a process on a first ADD. */
function mayHavePorts(family: Family, { attachment }: PortMap): boolean {
	const kind = defaultKind(family);
	if (kind === "legacy") return isLegacyInUse(family);
	if (kind === undefined) return true;
	return hasChain(family, [dnatChain, setMarkChain, masqueradeChain, portChainOf(attachment)]);
}

function hasChain(family: Family, names: readonly string[]): boolean {
	return withNftables(
		(socket) => names.some((chain) => findChain(socket, { ...natTables[family], chain }) !== undefined),
		() => false,
	);
}

function holders(portMap: PortMap): readonly PortHolder[] {
	const own = portChainOf(portMap.attachment);
	return familiesOf(portMap).flatMap((family) => {
		const kinds: readonly Kind[] = [
			...(hasChain(family, [dnatChain]) ? (["nft"] as const) : []),
			...(isLegacyInUse(family) ? (["legacy"] as const) : []),
		];
		const wanted = hostPorts(portMap.mappings, [family]);
		return kinds.flatMap((kind) => {
			const rules = parseSavedRules(saveNat(family, kind));
			return rules.flatMap((rule) => {
				const port = rule.chain === own ? undefined : mappedPort(rule, family);
				const overlaps = port !== undefined && wanted.some((other) => portsOverlap(port, other));
				return overlaps ? [holderOf(port, { chain: rule.chain, rules })] : [];
			});
		});
	});
}

/** The port that a rule of a container's chain leads away from. */
function mappedPort({ chain, target, destination, specification }: SavedRule, family: Family): HostPort | undefined {
	if (target !== "DNAT" || !isPortChain(chain)) return undefined;
	const words = splitWords(specification);
	const protocol = protocols.find((name) => name === words[words.indexOf("-p") + 1]);
	const hostPort = Number(words[words.indexOf("--dport") + 1]);
	return protocol === undefined ? undefined : { family, protocol, hostPort, hostAddress: destination?.address };
}

function holderOf(port: HostPort, { chain, rules }: { chain: string; rules: readonly SavedRule[] }): PortHolder {
	const owner = parseJumpComment(jumpsTo(rules, chain)[0]?.comment ?? "");
	return {
		description:
			owner === undefined
				? `iptables chain "${chain}"`
				: `container "${owner.containerId}" (network "${owner.network}", in iptables)`,
		port: describePort(port),
		record: () => findRecord("portmap", (attachment) => portChainOf(attachment) === chain),
		release: () => removeChain({ chain, parent: dnatChain }),
	};
}

/** Chains of iptables-nft that are jumped to by rules with the network's name. */
function nftChains(prefix: string, family: Family): readonly string[] {
	return withNftables(
		(socket) =>
			listRules(socket, { ...natTables[family], chain: dnatChain, containing: prefix })
				.flatMap(({ expressions }) => expressions)
				.flatMap((expression) => ("chain" in expression && isPortChain(expression.chain) ? [expression.chain] : [])),
		() => [],
	);
}

function legacyChains(prefix: string, family: Family): readonly string[] {
	if (!isLegacyInUse(family)) return [];
	return parseSavedRules(saveNat(family, "legacy"))
		.filter(({ target, comment }) => isPortChain(target) && comment.startsWith(prefix))
		.map(({ target }) => target);
}
