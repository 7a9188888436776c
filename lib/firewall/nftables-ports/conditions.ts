import { attachmentPrefix, attachmentTag } from "../../cni/attachment-tag.ts";
import { CniError, ErrorCode } from "../../cni/error.ts";
import { formatAddress } from "../../ip/address.ts";
import { findChain } from "../../netlink/nftables/chain.ts";
import { listRules } from "../../netlink/nftables/rule.ts";
import type { NetlinkSocket } from "../../netlink/wire/socket.ts";
import { isConditional, type PortEntry, type PortMap, portEntries } from "../port-map-backend.ts";
import { findProgram, runProgram } from "../program.ts";
import { conditionsChain, table, tableComment } from "./layout.ts";

/**
 * Makes the chain that the conditional ports of the attachment jump to. The conditions are in the language of `nft`,
 * and so it is `nft` that reads them: the only thing here that starts a process. Without an element that leads to it,
 * the chain does nothing.
 *
 * @throws CniError
 */
export function makeConditionsChain(portMap: PortMap): void {
	const rules = rulesOf(portMap);
	if (rules.length === 0) return;
	const nft = findProgram("nft");
	if (nft === undefined) {
		throw new CniError(ErrorCode.internal, 'Cannot map ports under conditions: the program "nft" is missing', {
			details: 'Install nftables, or leave out "conditionsV4" and "conditionsV6", or "excludeDevices"',
		});
	}
	const chain = `${table.family} ${table.table} ${conditionsChain(attachmentPrefix(portMap.attachment))}`;
	const comment = `comment "${attachmentTag(portMap.attachment)}"`;
	const script = [
		`add table ${table.family} ${table.table} { comment "${tableComment}"; }`,
		`add chain ${chain}`,
		`flush chain ${chain}`,
		...rules.map((rule) => `add rule ${chain} ${rule} ${comment}`),
	];
	runProgram(nft, ["-f", "-"], {
		input: `${script.join("\n")}\n`,
		help: 'Conditions have to be matches as "nft add rule" takes them, such as "ip", "saddr", "192.0.2.0/24"',
	});
}

/** What is missing of the chain. Of the conditions themselves only `nft` could say whether they are the same. */
export function missingConditions(socket: NetlinkSocket, portMap: PortMap): readonly string[] {
	const wanted = rulesOf(portMap);
	if (wanted.length === 0) return [];
	const name = conditionsChain(attachmentPrefix(portMap.attachment));
	const inTable = `of table "${table.family} ${table.table}"`;
	if (findChain(socket, { ...table, chain: name }) === undefined) return [`chain "${name}" ${inTable}`];
	const rules = listRules(socket, { ...table, chain: name });
	const lacking = wanted.length - rules.length;
	return lacking > 0 ? [`${lacking} of ${wanted.length} rules in chain "${name}" ${inTable}`] : [];
}

/** Who comes from an excluded device goes back to where the chain was jumped to from, and on. */
function rulesOf(portMap: PortMap): readonly string[] {
	const entries = portEntries(portMap).filter(({ family }) => isConditional(portMap, family));
	if (entries.length === 0) return [];
	const excluded = (portMap.excludedDevices ?? []).map((name) => `iifname "${name.replace(/\+$/, "*")}" return`);
	return [...excluded, ...entries.map((entry) => ruleText(portMap, entry))];
}

function ruleText({ conditions }: PortMap, entry: PortEntry): string {
	const { family, hostAddress, protocol, hostPort, target, targetPort } = entry;
	const ip = family === 4 ? "ip" : "ip6";
	const address = family === 4 ? formatAddress(target) : `[${formatAddress(target)}]`;
	return [
		...conditions[family],
		...(hostAddress === undefined ? [] : [`${ip} daddr ${formatAddress(hostAddress)}`]),
		`meta nfproto ipv${family} ${protocol} dport ${hostPort} dnat ${ip} to ${address}:${targetPort}`,
	].join(" ");
}
