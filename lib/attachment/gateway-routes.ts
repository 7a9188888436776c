import { CniError, ErrorCode } from "../cni/error.ts";
import type { ResultIp } from "../cni/result.ts";
import {
	bitsOf,
	formatAddress,
	formatPrefix,
	hostPrefix,
	type IpAddress,
	type IpPrefix,
	networkOf,
	samePrefix,
} from "../ip/address.ts";

/** Routes that lead everything through the gateways, in the place of those that the kernel adds with an address. */
export interface GatewayRoutes {
	/** To each gateway alone: straight through the interface. */
	readonly gateways: readonly SourceRoute[];
	/** To each network: by way of its gateway. */
	readonly networks: readonly SourceRoute[];
}

/** A route whose packets have a certain source address. */
export interface SourceRoute {
	readonly destination: IpPrefix;
	readonly gateway?: IpAddress;
	readonly source: IpAddress;
}

/** For an interface that reaches nothing but its host. @throws CniError for an address without a gateway of its family */
export function gatewayRoutes(ips: readonly ResultIp[]): GatewayRoutes {
	const gateways: SourceRoute[] = [];
	const networks: SourceRoute[] = [];
	// Of two addresses in one network the first one counts: a destination has one route.
	const addTo = (routes: SourceRoute[], route: SourceRoute) => {
		if (!routes.some(({ destination }) => samePrefix(destination, route.destination))) routes.push(route);
	};
	for (const ip of ips) {
		const { address: source, length } = ip.address;
		const gateway = requireGateway(ip);
		addTo(gateways, { destination: hostPrefix(gateway), source });
		// A single host has no network.
		if (length === bitsOf(source.family)) continue;
		addTo(networks, { destination: networkOf(ip.address), gateway, source });
	}
	return { gateways, networks };
}

/** A route as `ip route` writes it. */
export function sourceRouteText({ destination, gateway, source }: SourceRoute): string {
	const via = gateway === undefined ? "" : ` via ${formatAddress(gateway)}`;
	return `${formatPrefix(destination)}${via} src ${formatAddress(source)}`;
}

/** The gateway of the address. @throws CniError when there is none of its family */
export function requireGateway({ address, gateway }: ResultIp): IpAddress {
	if (gateway?.family === address.address.family) return gateway;
	throw new CniError(ErrorCode.internal, `IPAM plugin returned no gateway for ${formatPrefix(address)}`, {
		details: "The host is the gateway of every container here, and needs an address as such: name one in ipam",
	});
}
