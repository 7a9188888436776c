import { CniError, ErrorCode, toCniError } from "../cni/error.ts";
import { readGeneration } from "../netlink/nftables/batch.ts";
import { saveNat } from "./iptables/program.ts";
import { isWithoutNftables, withNftables } from "./nftables-session.ts";

/** `automatic`: nftables, and iptables on a kernel that lacks it. */
type NatBackendName = "nftables" | "iptables" | "automatic";

/**
 * Whether an ADD could translate addresses on this host; nothing is changed.
 *
 * @param purpose what for, in messages: `map ports`
 * @throws CniError code 50
 */
export function probeNat(backend: NatBackendName, purpose: string): void {
	try {
		probe(backend);
	} catch (thrown) {
		const { message, details } = toCniError(thrown);
		throw new CniError(ErrorCode.pluginNotAvailable, `Cannot ${purpose}: ${message}`, { details, cause: thrown });
	}
}

function probe(backend: NatBackendName): void {
	if (backend !== "iptables") {
		try {
			withNftables(readGeneration);
			return;
		} catch (thrown) {
			if (backend === "nftables" || !isWithoutNftables(thrown)) throw thrown;
		}
	}
	saveNat(4);
}
