import type { NetworkAttachment } from "../cni/attachment-tag.ts";
import {
	addressToBytes,
	type Family,
	formatAddress,
	formatPrefix,
	hostPrefix,
	type IpPrefix,
	networkOf,
	parsePrefix,
	samePrefix,
} from "../ip/address.ts";
import { sameBytes } from "../linux/same-bytes.ts";
import { findChain, listChains } from "../netlink/nftables/chain.ts";
import { listRules, type Rule } from "../netlink/nftables/rule.ts";
import { isLegacyInUse } from "./iptables/in-use.ts";
import { chainNameOf, commentOf, commentPrefix, isMasqueradeChain } from "./iptables/names.ts";
import { assertPlain } from "./iptables/plain-name.ts";
import { defaultKind, restoreNat, saveNat } from "./iptables/program.ts";
import { natTables, removeChain } from "./iptables/remove-chain.ts";
import { parseSavedChains, parseSavedRules, type SavedRule } from "./iptables/saved-rule.ts";
import type { Masquerade, MasqueradeBackend, MasqueradeEntry } from "./masquerade-backend.ts";
import { withNftables } from "./nftables-session.ts";

/**
 * Masquerading through iptables, in the reference's form: table nat, one chain for each container and network.
 *
 *     -A POSTROUTING -s 10.1.2.3/32 -m comment --comment "name: \"net\" id: \"container\"" -j CNI-<24 digits>
 *     -A CNI-<24 digits> -d 10.1.2.0/24 -m comment … -j ACCEPT
 *     -A CNI-<24 digits> ! -d 224.0.0.0/4 -m comment … -j MASQUERADE
 *
 * Two addresses share the chain, and all ACCEPT stand before MASQUERADE. What iptables-nft made lies in nf_tables and
 * is found and deleted there without a process; only iptables-legacy has to be asked.
 */
export const iptablesMasquerade: MasqueradeBackend = { apply, verify, remove, list };

const families: readonly Family[] = [4, 6];
const multicast = { 4: "224.0.0.0/4", 6: "ff00::/8" } as const;

function apply({ attachment, addresses }: Masquerade): void {
	assertPlain(attachment);
	for (const family of families) {
		const ofFamily = addresses.filter(({ address }) => address.family === family);
		if (ofFamily.length === 0) continue;
		const chain = chainNameOf(attachment);
		const saved = mayHaveChain(family, chain) ? saveNat(family) : [];
		const lines = missingLines({ attachment, addresses: ofFamily }, { family, saved });
		if (lines.length > 0) restoreNat(lines, { family });
	}
}

function verify({ attachment, addresses }: Masquerade): readonly string[] {
	assertPlain(attachment);
	return families.flatMap((family) => {
		const ofFamily = addresses.filter(({ address }) => address.family === family);
		if (ofFamily.length === 0) return [];
		// Looking with iptables-legacy would make the table that it looks for.
		const saved = mayHaveChain(family, chainNameOf(attachment)) ? saveNat(family) : [];
		return missingWords({ attachment, addresses: ofFamily }, saved);
	});
}

function remove(attachment: NetworkAttachment, addresses: readonly IpPrefix[] = []): void {
	removeOwnChain(chainNameOf(attachment), addresses);
}

function list(network: string): readonly MasqueradeEntry[] {
	const chains = new Set(
		families.flatMap((family) => [...nftChains(network, family), ...legacyChains(network, family)]),
	);
	return Array.from(chains, (chain) => ({
		description: `chain "${chain}" of table nat, network "${network}"`,
		isOf: (attachment) => chainNameOf(attachment) === chain,
		remove: () => removeOwnChain(chain, []),
	}));
}

/** The lines that bring the chain and the jumps to it up to what is wanted, for iptables-restore. */
function missingLines(
	{ attachment, addresses }: Masquerade,
	{ family, saved }: { family: Family; saved: readonly string[] },
): readonly string[] {
	const chain = chainNameOf(attachment);
	const comment = `-m comment --comment "${commentOf(attachment).replaceAll('"', '\\"')}"`;
	const rules = parseSavedRules(saved);
	const exists = parseSavedChains(saved).includes(chain);
	const parts = partsOf(chain, rules);
	const accepts = networksOf(addresses).filter((network) => !parts.accepts(network));
	return [
		// Of a chain that exists, this line would delete the rules, and another interface may share it.
		...(exists ? [] : [`:${chain} - [0:0]`]),
		...accepts.map((network) => `-I ${chain} 1 -d ${formatPrefix(network)} ${comment} -j ACCEPT`),
		...(parts.masquerades ? [] : [`-A ${chain} ! -d ${multicast[family]} ${comment} -j MASQUERADE`]),
		...addresses
			.filter((prefix) => !parts.jumps(prefix))
			.map(({ address }) => `-A POSTROUTING -s ${formatAddress(address)} ${comment} -j ${chain}`),
	];
}

function missingWords({ attachment, addresses }: Masquerade, saved: readonly string[]): readonly string[] {
	const chain = chainNameOf(attachment);
	const inChain = `in chain "${chain}" of iptables table "nat"`;
	if (!parseSavedChains(saved).includes(chain)) return [`chain "${chain}" of iptables table "nat"`];
	const parts = partsOf(chain, parseSavedRules(saved));
	return [
		...networksOf(addresses)
			.filter((network) => !parts.accepts(network))
			.map((network) => `rule "-d ${formatPrefix(network)} -j ACCEPT" ${inChain}`),
		...(parts.masquerades ? [] : [`rule "-j MASQUERADE" ${inChain}`]),
		...addresses
			.filter((prefix) => !parts.jumps(prefix))
			.map(
				({ address }) =>
					`rule "-s ${formatAddress(address)} -j ${chain}" in chain "POSTROUTING" of iptables table "nat"`,
			),
	];
}

interface Parts {
	/** An ACCEPT behind MASQUERADE, as the reference may leave it, is never reached and does not count. */
	accepts(network: IpPrefix): boolean;
	readonly masquerades: boolean;
	jumps(prefix: IpPrefix): boolean;
}

function partsOf(chain: string, rules: readonly SavedRule[]): Parts {
	const inChain = rules.filter((rule) => rule.chain === chain);
	const end = inChain.findIndex(({ target, source }) => target === "MASQUERADE" && source === undefined);
	const reached = end < 0 ? inChain : inChain.slice(0, end);
	return {
		accepts: (network) =>
			reached.some(
				({ target, destination, destinationNegated }) =>
					target === "ACCEPT" &&
					!destinationNegated &&
					// iptables-save leaves out a destination that is everything.
					(destination === undefined ? network.length === 0 : samePrefix(destination, network)),
			),
		masquerades: end >= 0 && inChain[end]?.destinationNegated === true && isMulticast(inChain[end]?.destination),
		jumps: ({ address }) =>
			rules.some(
				(rule) =>
					rule.chain === "POSTROUTING" &&
					rule.target === chain &&
					rule.source !== undefined &&
					samePrefix(rule.source, hostPrefix(address)),
			),
	};
}

function isMulticast(prefix: IpPrefix | undefined): boolean {
	return prefix !== undefined && formatPrefix(prefix) === multicast[prefix.address.family];
}

/** Each network once: iptables has one ACCEPT for all addresses in it. */
function networksOf(addresses: readonly IpPrefix[]): readonly IpPrefix[] {
	return Array.from(new Set(addresses.map((prefix) => formatPrefix(networkOf(prefix)))), parsePrefix).filter(
		(prefix) => prefix !== undefined,
	);
}

/** Whether reading the rules could show the chain; asked of the kernel, to save a process on every first ADD. */
function mayHaveChain(family: Family, chain: string): boolean {
	const kind = defaultKind(family);
	if (kind === "legacy") return isLegacyInUse(family);
	if (kind === undefined) return true;
	return withNftables((socket) => findChain(socket, { ...natTables[family], chain }) !== undefined);
}

function removeOwnChain(chain: string, addresses: readonly IpPrefix[]): void {
	const ofAddresses = {
		inNft: (rule: Rule) => addresses.some((prefix) => comparesWith(rule, prefix)),
		inLegacy: ({ source }: SavedRule) =>
			source !== undefined &&
			addresses.some(
				(prefix) => samePrefix(source, hostPrefix(prefix.address)) || samePrefix(source, networkOf(prefix)),
			),
	};
	removeChain({ chain, parent: "POSTROUTING", ...(addresses.length === 0 ? {} : { jumps: ofAddresses }) });
}

/** Whether the rule is about the address, or its network in the form of older releases. */
function comparesWith({ expressions }: Rule, prefix: IpPrefix): boolean {
	const whole = addressToBytes(prefix.address);
	const network = addressToBytes(networkOf(prefix).address);
	return expressions.some(
		(expression) =>
			expression.kind === "compare" &&
			(sameBytes(whole, expression.bytes) ||
				sameBytes(network.subarray(0, expression.bytes.byteLength), expression.bytes)),
	);
}

/** Chains of iptables-nft whose rules carry the network's name. One without any rule cannot be told, and does nothing. */
function nftChains(network: string, family: Family): readonly string[] {
	return withNftables(
		(socket) =>
			listChains(socket, natTables[family])
				.map(({ name }) => name)
				.filter(isMasqueradeChain)
				.filter(
					(chain) => listRules(socket, { ...natTables[family], chain, containing: commentPrefix(network) }).length > 0,
				),
		() => [],
	);
}

function legacyChains(network: string, family: Family): readonly string[] {
	if (!isLegacyInUse(family)) return [];
	return parseSavedRules(saveNat(family, "legacy"))
		.filter(({ chain, comment }) => isMasqueradeChain(chain) && comment.startsWith(commentPrefix(network)))
		.map(({ chain }) => chain);
}
