import { hasIptablesForward } from "../../../firewall/iptables/filter-in-use.ts";
import { listForwardedAddresses } from "../../../firewall/iptables/forwarded-addresses.ts";
import { iptablesForward } from "../../../firewall/iptables-forward.ts";
import { formatAddress } from "../../../ip/address.ts";
import type { FindingKind } from "../finding.ts";
import { judge } from "../judge.ts";

/** Rules of iptables that accept what a container sends: they name its address, and not its container. */
export const iptablesForwarding: FindingKind = {
	name: "iptables rule",
	find: (look) =>
		(hasIptablesForward() ? listForwardedAddresses() : []).flatMap((address) => {
			const [witness] = look.survey.witnessIndex.withAddress(address);
			const owner = { addresses: [address] };
			const verdict = judge(owner, look, { isAddress: true });
			return [
				{
					key: formatAddress(address),
					what: `rules of ${formatAddress(address)} in chain "CNI-FORWARD"`,
					where: `${address.family === 4 ? "iptables" : "ip6tables"} table filter`,
					owner: { ...witness?.attachment, ...owner },
					verdict,
					remove: () =>
						iptablesForward.remove({
							attachment: { network: "", containerId: "", ifName: "" },
							addresses: [address],
							isolatedPorts: [],
							outlet: undefined,
							bridge: undefined,
						}),
				},
			];
		}),
};
