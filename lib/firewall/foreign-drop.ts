import { listAllChains } from "../netlink/nftables/chain.ts";
import { withNftables } from "./nftables-session.ts";

/**
 * The chains, beside ours and those of iptables, that drop what they do not accept themselves of all that the host
 * forwards. A packet has to pass every chain of the hook: nothing that we accept makes them let it through.
 */
export function foreignDrops(): readonly string[] {
	return withNftables(
		(socket) =>
			listAllChains(socket)
				.filter(({ hook }) => hook?.type === "filter" && hook.hook === "forward" && hook.policy === "drop")
				.filter(({ family, table }) => family !== "bridge" && table !== "cni_suite" && !isOfIptables(family, table))
				.map(({ family, table, name }) => `chain "${name}" of table "${family} ${table}"`),
		() => [],
	);
}

/** What iptables-nft keeps: there, rules of iptables can accept. */
function isOfIptables(family: string, table: string): boolean {
	return (family === "ip" || family === "ip6") && table === "filter";
}
