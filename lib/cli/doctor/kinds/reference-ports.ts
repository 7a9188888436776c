import { listReferencePorts } from "../../../firewall/reference-port-map.ts";
import { lockFirewallIfKept } from "../../../state/firewall-records.ts";
import type { FindingKind } from "../finding.ts";
import { judge } from "../judge.ts";

/** Port maps that the reference has made in nftables: they name their container alone, on whichever network. */
export const referencePorts: FindingKind = {
	name: "reference's port maps",
	lock: lockFirewallIfKept,
	find: (look) =>
		listReferencePorts().flatMap(({ containerId, addresses, remove }) => {
			const owner = { containerId, addresses };
			const verdict = judge(owner, look);
			const what = "rules for a container";
			const where = "nftables tables ip and ip6 cni_hostport";
			return [{ key: containerId, what, where, owner, verdict, remove }];
		}),
};
