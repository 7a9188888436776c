import type { NetworkAttachment } from "../cni/attachment-tag.ts";
import type { Forward } from "./forward-backend.ts";
import type { ForwardBackendName } from "./forward-choice.ts";
import type { ForwardRecord } from "./forward-record.ts";
import { isIsolatedByIptables } from "./iptables/filter-in-use.ts";

/** What one of the host's firewalls does for an attachment. */
export interface ForwardPart {
	readonly backend: ForwardBackendName;
	readonly forward: Forward;
}

/** Who does what of it: firewalld knows nothing of ingress policies, iptables nothing of what a bridge passes on. */
export function partsOf(attachment: NetworkAttachment, record: ForwardRecord): readonly ForwardPart[] {
	const { backend, addresses, outlet, adminChain, ingress } = record;
	const none = { attachment, addresses, outlet, adminChain, accept: false, ingress: undefined, isolatedPorts: [] };
	const isolatedPorts = ingress?.policy === "isolated" ? ingress.ports : [];
	// Bridges are isolated from each other only where all of them are known.
	const byIptables = ingress !== undefined && (backend === "iptables" || isIsolatedByIptables(addresses));
	const iptables: Forward = {
		...none,
		accept: backend === "iptables",
		ingress: byIptables ? ingress : undefined,
	};
	const nftables: Forward = {
		...none,
		accept: backend === "nftables",
		ingress: byIptables ? undefined : ingress,
		isolatedPorts,
	};
	return [
		...(backend === "firewalld" ? [{ backend, forward: { ...none, accept: true } }] : []),
		...(iptables.accept || iptables.ingress !== undefined ? [{ backend: "iptables" as const, forward: iptables }] : []),
		...(nftables.accept || nftables.ingress !== undefined || isolatedPorts.length > 0
			? [{ backend: "nftables" as const, forward: nftables }]
			: []),
	];
}
