import { CniError, ErrorCode } from "../cni/error.ts";

/** `automatic`: nftables, and iptables on a kernel that lacks it. */
export type MasqueradeBackendName = "nftables" | "iptables" | "automatic";

/**
 * The backend that `ipMasqBackend` asks for.
 *
 * @throws CniError for an unknown name, also the empty one
 */
export function chooseMasqueradeBackend(configured: string | undefined): MasqueradeBackendName {
	if (configured === undefined) return "automatic";
	if (configured === "nftables" || configured === "iptables") return configured;
	throw new CniError(ErrorCode.invalidNetworkConfig, `unknown ipmasq backend "${configured}"`, {
		details: 'Set "ipMasqBackend" to "nftables" or "iptables", or leave it out',
	});
}
