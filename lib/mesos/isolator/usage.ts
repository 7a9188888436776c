import { openNamespace } from "../../linux/netns.ts";
import { type LinkStatistics, readLinkStatistics } from "../../netlink/link-statistics.ts";
import { openRouteSocket } from "../../netlink/rtnetlink.ts";
import { formatContainerId } from "../container-id.ts";
import type { Container } from "./container.ts";
import { containerPaths } from "./layout.ts";

/** The network part of Mesos's ResourceStatistics: of all interfaces together, as the container sees them. */
export interface NetworkStatistics {
	readonly net_rx_packets: number;
	readonly net_rx_bytes: number;
	readonly net_rx_errors: number;
	readonly net_rx_dropped: number;
	readonly net_tx_packets: number;
	readonly net_tx_bytes: number;
	readonly net_tx_errors: number;
	readonly net_tx_dropped: number;
}

/**
 * Reads the counters of the interfaces that the container's plugins were told to make; undefined when none of them is
 * there.
 *
 * @throws NamespaceError when the namespace is gone
 */
export function readUsage(stateRoot: string, { id, networks }: Container): NetworkStatistics | undefined {
	using namespace = openNamespace(containerPaths(stateRoot, formatContainerId(id)).namespace);
	using socket = namespace.run(openRouteSocket);
	const found = networks
		.map(({ ifName }) => readLinkStatistics(socket, { name: ifName }))
		.filter((statistics) => statistics !== undefined);
	return found.length === 0 ? undefined : sumOf(found);
}

function sumOf(found: readonly LinkStatistics[]): NetworkStatistics {
	const sum = (counter: keyof LinkStatistics) => found.reduce((total, statistics) => total + statistics[counter], 0);
	return {
		net_rx_packets: sum("rxPackets"),
		net_rx_bytes: sum("rxBytes"),
		net_rx_errors: sum("rxErrors"),
		net_rx_dropped: sum("rxDropped"),
		net_tx_packets: sum("txPackets"),
		net_tx_bytes: sum("txBytes"),
		net_tx_errors: sum("txErrors"),
		net_tx_dropped: sum("txDropped"),
	};
}
