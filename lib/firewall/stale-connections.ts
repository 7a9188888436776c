import { isLoopback, sameAddress } from "../ip/address.ts";
import { listAllAddresses } from "../netlink/address.ts";
import { type Connection, deleteConnections, listConnections, openConntrackSocket } from "../netlink/conntrack.ts";
import { openRouteSocket } from "../netlink/rtnetlink.ts";
import type { PortEntry } from "./port-map-backend.ts";

/*
 * A client of UDP that keeps its socket, and an association of SCTP between fixed ports, keep the connection that the
 * kernel tracks alive, and with it the translation that was made when it began: after a container was replaced, its
 * packets would go to the old one, or to the host. Connections of TCP begin with ports of their own each time.
 */

/** IPPROTO_* of what is tracked beyond the life of a socket. */
const lasting: Readonly<Record<string, number>> = { udp: 17, sctp: 132 };

/** Forgets connections to the host at ports that lead to a container from now on, wherever they led. */
export function forgetConnectionsTo(ports: readonly PortEntry[]): void {
	using route = openRouteSocket();
	const local = listAllAddresses(route).map(({ prefix }) => prefix.address);
	forget(ports, ({ destination, destinationPort }, { hostPort, hostAddress }) => {
		if (destinationPort !== hostPort || destination === undefined) return false;
		if (hostAddress !== undefined) return sameAddress(destination, hostAddress);
		// A flow through the host to the same port of another machine is none of ours.
		return isLoopback(destination) || local.some((address) => sameAddress(destination, address));
	});
}

/** Forgets connections at the ports that lead to a container that has gone. */
export function forgetConnectionsOf(ports: readonly PortEntry[]): void {
	forget(
		ports,
		({ destinationPort, answeredBy }, { hostPort, target }) =>
			destinationPort === hostPort && sameAddress(answeredBy, target),
	);
}

/** One dump for each family and protocol, whatever the number of ports. */
function forget(ports: readonly PortEntry[], isStale: (connection: Connection, port: PortEntry) => boolean): void {
	using socket = openConntrackSocket();
	for (const family of [4, 6] as const) {
		for (const [name, protocol] of Object.entries(lasting)) {
			const concerned = ports.filter((port) => port.family === family && port.protocol === name);
			if (concerned.length === 0) continue;
			const connections = listConnections(socket, { family, protocol }).filter((connection) =>
				concerned.some((port) => isStale(connection, port)),
			);
			deleteConnections(socket, { family, connections });
		}
	}
}
