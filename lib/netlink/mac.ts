/** Hardware addresses travel as text, lower case and with colons, everywhere but in messages. */

/** Parses `02:00:00:00:00:01`, `02-00-…` or `0200.0000.0001` of 6, 8 or 20 bytes; undefined for anything else. */
export function parseMac(text: string): Uint8Array | undefined {
	const groups = /^[0-9a-f]{2}([:-][0-9a-f]{2})+$/i.test(text)
		? text.split(/[:-]/)
		: /^[0-9a-f]{4}(\.[0-9a-f]{4})+$/i.test(text)
			? text.split(".").flatMap((group) => [group.slice(0, 2), group.slice(2)])
			: [];
	if (text.includes(":") && text.includes("-")) return undefined;
	if (![6, 8, 20].includes(groups.length)) return undefined;
	return Uint8Array.from(groups, (group) => Number.parseInt(group, 16));
}

export function formatMac(bytes: Uint8Array): string {
	return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":");
}

/** A random unicast address from the locally administered space, as the kernel gives one to a new veth. */
export function randomMac(): string {
	const bytes = crypto.getRandomValues(new Uint8Array(6));
	bytes[0] = ((bytes[0] ?? 0) & 0xfe) | 0x02;
	return formatMac(bytes);
}
