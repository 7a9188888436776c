import { formatAddress, parseAddress } from "../../ip/address.ts";
import type { ShownAttachment } from "./shown-attachment.ts";

/**
 * Those that are meant by a container id, `id/interface`, an address, or the beginning of one container's id.
 *
 * @throws Error that says what would help when there is none, or when the beginning is that of several containers
 */
export function findAttachments(all: readonly ShownAttachment[], text: string): readonly ShownAttachment[] {
	const address = parseAddress(text);
	const wanted = address === undefined ? undefined : formatAddress(address);
	const exact = all.filter(
		({ containerId, ifName, addresses }) =>
			containerId === text ||
			`${containerId}/${ifName}` === text ||
			addresses.some(({ value }) => formatAddress(value) === wanted),
	);
	if (exact.length > 0) return exact;
	const [, idStart = text, ifName] = /^(.*)\/([^/]+)$/.exec(text) ?? [];
	const begun = all.filter(
		(each) =>
			idStart !== "" && each.containerId.startsWith(idStart) && (ifName === undefined || each.ifName === ifName),
	);
	const ids = new Set(begun.map(({ containerId }) => containerId));
	if (ids.size === 1) return begun;
	const cause =
		ids.size === 0
			? "no attachment on this host has such a container id or address"
			: `${ids.size} container ids begin so`;
	throw new Error(`Cannot find "${text}": ${cause}. \`cnictl show\` lists all`);
}
