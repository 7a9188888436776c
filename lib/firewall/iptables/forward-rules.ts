import { type Family, formatPrefix, hostPrefix, type IpAddress, type IpPrefix, samePrefix } from "../../ip/address.ts";
import type { Forward, Ingress } from "../forward-backend.ts";
import type { FilterRule, FilterTable } from "./filter-table.ts";
import { forwardChain, isolationStage1 as stage1, isolationStage2 as stage2 } from "./forward-chains.ts";
import type { NamedInterface } from "./saved-rule.ts";

/**
 * The rules in table filter, to the letter of the reference: it finds its own by the same text.
 *
 *     -A FORWARD -m comment --comment "CNI firewall plugin rules (ingressPolicy: same-bridge|isolated)" -j CNI-ISOLATION-STAGE-1
 *     -A FORWARD -m comment --comment "CNI firewall plugin rules" -j CNI-FORWARD
 *     -A CNI-FORWARD -m comment --comment "CNI firewall plugin admin overrides" -j CNI-ADMIN
 *     -A CNI-FORWARD -d 10.1.2.3/32 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
 *     -A CNI-FORWARD -s 10.1.2.3/32 -j ACCEPT
 *     -A CNI-FORWARD -o BRIDGE -m conntrack --ctstate DNAT -m comment --comment "CNI suite: mapped ports" -j ACCEPT
 *     -A CNI-ISOLATION-STAGE-1 -i BRIDGE -o BRIDGE -m comment … -j DROP                          only "isolated"
 *     -A CNI-ISOLATION-STAGE-1 -i BRIDGE ! -o BRIDGE -m comment … -j CNI-ISOLATION-STAGE-2
 *     -A CNI-ISOLATION-STAGE-1 -m comment … -j RETURN
 *     -A CNI-ISOLATION-STAGE-2 -o BRIDGE -m comment … -j DROP
 *     -A CNI-ISOLATION-STAGE-2 -m comment … -j RETURN
 *
 * The last of CNI-FORWARD is ours: without it a host that drops what nobody accepts would drop what comes to mapped ports.
 * It names no address, for the reference would leave it behind.
 *
 * The isolation has to stand before CNI-FORWARD, whose rules accept. The two rules of an address and those of a bridge
 * come and go; chains and jumps stay.
 */
/** A chain, or rules, that have to be in a table. */
export interface Wanted {
	/** What is missing of it in the table, in words, and the lines for iptables-restore that bring it about. */
	missing(table: FilterTable): readonly Missing[];
}

export interface Missing {
	/** `chain "CNI-FORWARD"`, `rule "…" in chain "CNI-FORWARD"`; empty for what is there, and has to be made once more. */
	readonly words: string;
	/** Which it is, or is in. */
	readonly chain: string;
	readonly line: string;
}

/** Names what is missing, but not every rule of a chain that is missing itself. */
export function wordsFor(missing: readonly Missing[]): readonly string[] {
	const chains = missing.filter(({ words, chain: name }) => words === chainWords(name)).map(({ chain: name }) => name);
	return missing
		.filter(({ words, chain: name }) => words === chainWords(name) || !chains.includes(name))
		.map(({ words }) => words)
		.filter((words) => words !== "");
}

/** What has to be in the table of the family, in the order in which it has to be made. */
export function wantedOf(
	{ addresses, accept, outlet, adminChain, ingress }: Forward,
	family: Family,
): readonly Wanted[] {
	const ofFamily = addresses.filter((address) => address.family === family);
	if (ofFamily.length === 0) return [];
	return [
		...(accept ? [chain(forwardChain), chain(adminChain)] : []),
		...(ingress === undefined ? [] : [chain(stage1), chain(stage2)]),
		jumps({ accept, isolate: ingress !== undefined }),
		...(accept ? acceptRules(ofFamily, adminChain) : []),
		...(accept && outlet !== undefined ? [mappedPorts(outlet)] : []),
		...(ingress === undefined ? [] : isolationRules(ingress)),
	];
}

/** The rules that accept an address. */
export function rulesOfAddress(table: FilterTable, address: IpAddress): readonly FilterRule[] {
	return table
		.rules(forwardChain, address)
		.filter((rule) => acceptsFrom(rule, address) || acceptsAnswersTo(rule, address));
}

/** The rule that accepts what was translated to somebody behind an interface. */
export function rulesOfOutlet(table: FilterTable, outlet: string): readonly FilterRule[] {
	return table.rules(forwardChain).filter((rule) => acceptsTranslatedTo(rule, outlet));
}

/** The rules that isolate a bridge. */
export function rulesOfBridge(table: FilterTable, bridge: string): readonly FilterRule[] {
	const rules = [...table.rules(stage1), ...table.rules(stage2)];
	return rules.filter(({ input, output }) => input?.name === bridge || output?.name === bridge);
}

/** The interfaces that have rules for whoever is behind them. */
export function sharedInterfaces(table: FilterTable): readonly string[] {
	const rules = [...table.rules(forwardChain), ...table.rules(stage2)];
	const names = rules.map(({ output }) => (output === undefined || output.negated ? undefined : output.name));
	return Array.from(new Set(names.filter((name) => name !== undefined)));
}

/** Whether somebody isolates bridges here: those of other attachments have to be isolated in the same place. */
export function hasIsolation(table: FilterTable): boolean {
	return table.hasChain(stage1);
}

const comment = (text: string) => `-m comment --comment "${text}"`;
const common = comment("CNI firewall plugin rules (ingressPolicy: same-bridge|isolated)");

function chain(name: string): Wanted {
	return {
		missing: (table) => (table.hasChain(name) ? [] : [{ words: chainWords(name), chain: name, line: `-N ${name}` }]),
	};
}

/**
 * The jumps in FORWARD, each inserted before all other rules. Where anybody has isolation, its jump goes before the one
 * to CNI-FORWARD; one that was behind stays there and does no harm.
 */
function jumps({ accept, isolate }: { accept: boolean; isolate: boolean }): Wanted {
	return {
		missing(table) {
			const targets = table.rules("FORWARD").map(({ target }) => target);
			const accepting = targets.indexOf(forwardChain);
			const isolating = targets.indexOf(stage1);
			const addAccepting = accept && accepting < 0;
			const inOrder = isolating >= 0 && (accepting < 0 || isolating < accepting);
			const addIsolating = (isolate || hasIsolation(table)) && (!inOrder || addAccepting);
			const isolation = insertion("FORWARD", `-j ${stage1} ${common}`);
			return [
				...(addAccepting ? [insertion("FORWARD", `${comment("CNI firewall plugin rules")} -j ${forwardChain}`)] : []),
				...(addIsolating ? [inOrder ? { ...isolation, words: "" } : isolation] : []),
			];
		},
	};
}

function acceptRules(addresses: readonly IpAddress[], adminChain: string): readonly Wanted[] {
	return [
		{
			missing: (table) =>
				table.rules(forwardChain).some(({ target }) => target === adminChain)
					? []
					: [insertion(forwardChain, `${comment("CNI firewall plugin admin overrides")} -j ${adminChain}`)],
		},
		...addresses.map((address): Wanted => {
			const text = formatPrefix(hostPrefix(address));
			return {
				missing(table) {
					const rules = table.rules(forwardChain, address);
					return [
						...(rules.some((rule) => acceptsAnswersTo(rule, address))
							? []
							: [addition(forwardChain, `-d ${text} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`)]),
						...(rules.some((rule) => acceptsFrom(rule, address))
							? []
							: [addition(forwardChain, `-s ${text} -j ACCEPT`)]),
					];
				},
			};
		}),
	];
}

function mappedPorts(outlet: string): Wanted {
	const specification = `-o ${outlet} -m conntrack --ctstate DNAT ${comment("CNI suite: mapped ports")} -j ACCEPT`;
	return {
		missing: (table) => (rulesOfOutlet(table, outlet).length > 0 ? [] : [addition(forwardChain, specification)]),
	};
}

function isolationRules({ policy, bridge }: Ingress): readonly Wanted[] {
	const ofPolicy = comment(`CNI firewall plugin rules (ingressPolicy: ${policy})`);
	const from = (rule: FilterRule) => isExactly(rule.input, bridge);
	const leave = ({ output }: FilterRule) => output?.name === bridge && output.negated;
	const enter = (rule: FilterRule) => isExactly(rule.output, bridge);
	return [
		isolationRule(stage1, `-i ${bridge} ! -o ${bridge} -j ${stage2} ${ofPolicy}`, {
			is: (rule) => from(rule) && leave(rule) && rule.target === stage2,
		}),
		...(policy === "isolated"
			? [
					isolationRule(stage1, `-i ${bridge} -o ${bridge} -j DROP ${ofPolicy}`, {
						is: (rule) => from(rule) && enter(rule) && rule.target === "DROP",
					}),
				]
			: []),
		end(stage1),
		isolationRule(stage2, `-o ${bridge} -j DROP ${common}`, {
			is: (rule) => rule.input === undefined && enter(rule) && rule.target === "DROP",
		}),
		end(stage2),
	];
}

/** Behind the rule that returns, no other is reached. */
function isolationRule(inChain: string, specification: string, { is }: { is: (rule: FilterRule) => boolean }): Wanted {
	return {
		missing(table) {
			const rules = table.rules(inChain);
			const last = rules.findIndex(isEnd);
			const found = rules.findIndex(is);
			return found >= 0 && (last < 0 || found < last) ? [] : [insertion(inChain, specification)];
		},
	};
}

function end(inChain: string): Wanted {
	return {
		missing: (table) => (table.rules(inChain).some(isEnd) ? [] : [addition(inChain, `-j RETURN ${common}`)]),
	};
}

function isEnd({ input, output, source, destination, target }: FilterRule): boolean {
	return target === "RETURN" && [input, output, source, destination].every((condition) => condition === undefined);
}

function insertion(inChain: string, specification: string): Missing {
	return { words: wordsOf(inChain, specification), chain: inChain, line: `-I ${inChain} 1 ${specification}` };
}

function addition(inChain: string, specification: string): Missing {
	return { words: wordsOf(inChain, specification), chain: inChain, line: `-A ${inChain} ${specification}` };
}

function wordsOf(inChain: string, specification: string): string {
	const plain = specification.replace(/-m comment --comment "[^"]*" ?/, "").trim();
	return `rule "${plain}" in ${chainWords(inChain)}`;
}

function chainWords(name: string): string {
	return `chain "${name}"`;
}

function acceptsFrom(rule: FilterRule, address: IpAddress): boolean {
	return isAccept(rule, { from: address, to: undefined }) && rule.matches === 0;
}

function acceptsAnswersTo(rule: FilterRule, address: IpAddress): boolean {
	return isAccept(rule, { from: undefined, to: address }) && rule.matches === 1;
}

/** It has one extension, and iptables-nft may or may not keep the comment as another. */
function acceptsTranslatedTo(
	{ source, destination, input, output, target, qualified, matches }: FilterRule,
	outlet: string,
) {
	const named = source === undefined && destination === undefined && input === undefined && isExactly(output, outlet);
	return target === "ACCEPT" && named && !qualified && matches > 0;
}

function isAccept(
	{ source, destination, input, output, target, qualified }: FilterRule,
	{ from, to }: { from: IpAddress | undefined; to: IpAddress | undefined },
): boolean {
	return (
		target === "ACCEPT" &&
		!qualified &&
		input === undefined &&
		output === undefined &&
		isOne(source, from) &&
		isOne(destination, to)
	);
}

function isOne(prefix: IpPrefix | undefined, address: IpAddress | undefined): boolean {
	if (prefix === undefined || address === undefined) return prefix === address;
	return samePrefix(prefix, hostPrefix(address));
}

function isExactly(named: NamedInterface | undefined, name: string): boolean {
	return named?.name === name && !named.negated;
}
