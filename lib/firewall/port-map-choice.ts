import { CniError, ErrorCode } from "../cni/error.ts";

/** `automatic`: nftables, and iptables on a kernel that lacks it. */
export type PortMapBackendName = "nftables" | "iptables" | "automatic";

/** What decides about the backend in a configuration. */
export interface PortMapPreferences {
	readonly backend: string | undefined;
	readonly externalSetMarkChain: string | undefined;
	readonly conditionsV4: readonly string[];
	readonly conditionsV6: readonly string[];
}

/**
 * The backend that a configuration asks for: by name, or by keys that only one of them understands.
 *
 * @throws CniError code 7 for an unknown name, and for keys of both
 */
export function choosePortMapBackend(preferences: PortMapPreferences): PortMapBackendName {
	const { backend, externalSetMarkChain } = preferences;
	const conditions = (["conditionsV4", "conditionsV6"] as const).map((key) => ({
		key,
		style: styleOf(preferences[key]),
	}));
	const keysOf = (style: "iptables" | "nftables") => [
		...(style === "iptables" && externalSetMarkChain !== undefined ? ["externalSetMarkChain"] : []),
		...conditions.filter((condition) => condition.style === style).map(({ key }) => key),
	];
	const specific = { iptables: keysOf("iptables"), nftables: keysOf("nftables") };
	const wanted = backend ?? (specific.iptables.length > 0 ? "iptables" : "nftables");
	if (wanted !== "iptables" && wanted !== "nftables") {
		throw new CniError(ErrorCode.invalidNetworkConfig, `unrecognized backend "${wanted}"`, {
			details: 'Set "backend" to "nftables" or "iptables", or leave it out',
		});
	}
	const other = wanted === "iptables" ? "nftables" : "iptables";
	if (specific[other].length > 0) {
		throw new CniError(
			ErrorCode.invalidNetworkConfig,
			`${wanted} backend was requested but configuration contains ${other}-specific options [${specific[other].join(" ")}]`,
			{ details: `Set "backend" to "${other}", or leave these keys out` },
		);
	}
	if (backend === undefined && specific.iptables.length === 0 && specific.nftables.length === 0) return "automatic";
	return wanted;
}

/** Whose language the tokens are in, as the reference tells them apart: by the first character of the first. */
function styleOf([first = ""]: readonly string[]): "iptables" | "nftables" | undefined {
	if (first === "") return undefined;
	return first.startsWith("-") || first.startsWith("!") ? "iptables" : "nftables";
}
