import { type IpAddress, parseAddress } from "../../ip/address.ts";

/** Lines of hosts(5): an address, then names. */
export function hostsNamed(host: string, text: string): readonly IpAddress[] {
	const wanted = host.toLowerCase();
	return linesOf(text).flatMap(([addressText = "", ...names]) => {
		const address = parseAddress(addressText);
		return address !== undefined && names.some((name) => name.toLowerCase() === wanted) ? [address] : [];
	});
}

/** resolv.conf(5): three servers at most; without one, that of this machine. */
export function parseResolver(text: string): { servers: readonly IpAddress[]; search: readonly string[] } {
	const lines = linesOf(text);
	const named = lines.filter(([key]) => key === "nameserver").flatMap(([, value = ""]) => parseAddress(value) ?? []);
	const search = lines.findLast(([key]) => key === "search" || key === "domain")?.slice(1) ?? [];
	return { servers: named.length > 0 ? named.slice(0, 3) : [{ family: 4, value: 0x7f000001n }], search };
}

function linesOf(text: string): readonly (readonly string[])[] {
	return text.split("\n").map((line) =>
		line
			.replace(/[#;].*/, "")
			.trim()
			.split(/\s+/),
	);
}
