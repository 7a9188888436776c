import { formatAddress } from "../../ip/address.ts";
import { formatAge } from "../format-age.ts";
import { plainLine, plainText } from "../plain-text.ts";
import type { Checked, ShownAttachment } from "./shown-attachment.ts";
import { limitText, marked, portText, routeText } from "./texts.ts";

/** All that is known of one attachment, a fact a line. */
export function detailsOf(attachment: ShownAttachment, now: number): string {
	const { network, containerId, ifName, state, missing, netns, pids, mac, mtu, hostLink, bridge } = attachment;
	const { addresses, routes, ports, groups, labels, limits, rules, dns, since, sources } = attachment;
	const facts: readonly (readonly [string, readonly string[]])[] = [
		["network", [plainText(network)]],
		["container", [plainText(containerId)]],
		["interface", [[ifName === "" ? "?" : plainText(ifName), mac, mtu && `MTU ${mtu}`].filter(Boolean).join("  ")]],
		["state", [stateText(state)]],
		["missing", missing],
		["namespace", netns === undefined ? [] : [plainText(netns)]],
		["processes", pids.length === 0 ? [] : [pids.slice(0, 20).join(" ")]],
		["addresses", listed(addresses, formatAddress)],
		["routes", listed(routes, routeText)],
		["ports", listed(ports, portText)],
		["groups", listed(groups, plainText)],
		["labels", labels.map(({ key, value }) => plainText(key) + (value === undefined ? "" : `=${plainText(value)}`))],
		["limits", listed(limits, limitText)],
		["host link", hostLink === undefined ? [] : [hostLinkText(hostLink, bridge)]],
		["firewall", listed(rules, String)],
		["DNS", [...(dns.nameservers ?? []), ...(dns.search ?? []).map((domain) => `search ${domain}`)].map(plainLine)],
		["attached", since === undefined ? [] : [`${new Date(since).toISOString()} (${formatAge(now - since)})`]],
		["known by", sources],
	];
	return facts
		.flatMap(([name, values]) => values.map((value, index) => `${(index === 0 ? name : "").padEnd(11)}${value}`))
		.map((line) => `${plainLine(line)}\n`)
		.join("");
}

function stateText(state: ShownAttachment["state"]): string {
	if (state === "gone") return "gone: `cnictl doctor` says what is left of it";
	return state === "unknown" ? "unknown: nothing on this host tells where its namespace is" : state;
}

function hostLinkText(link: Checked<string>, bridge: string | undefined): string {
	return `${marked(link, plainText)}${bridge === undefined ? "" : `, port of ${plainText(bridge)}`}`;
}

function listed<T>(items: readonly Checked<T>[], textOf: (value: T) => string): readonly string[] {
	return items.map((item) => marked(item, textOf));
}
