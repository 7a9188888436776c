import { defaultGatewayOf } from "../../../lib/attachment/interface.ts";
import { refuseSmallMtu } from "../../../lib/attachment/small-mtu.ts";
import type { Result, ResultIp, ResultRoute } from "../../../lib/cni/result.ts";
import { defaultPrefix, isDefaultPrefix, networkOf } from "../../../lib/ip/address.ts";
import type { BridgeSettings } from "./config.ts";

/**
 * What IPAM gave, completed: a bridge that is the gateway supplies the gateway's address where IPAM named none, and the
 * default gateway supplies default routes.
 *
 * @throws CniError for an MTU that the addresses do not allow
 */
export function planResult({ isGateway, isDefaultGateway, mtu }: BridgeSettings, ipam: Result): Result {
	refuseSmallMtu(mtu, ipam);
	const ips = isGateway ? ipam.ips.map(withGateway) : ipam.ips;
	return { ...ipam, ips, routes: isDefaultGateway ? withDefaultRoutes(ipam.routes, ips) : ipam.routes };
}

function withGateway(ip: ResultIp): ResultIp {
	const gateway = ip.gateway ?? defaultGatewayOf(networkOf(ip.address));
	return gateway === undefined ? ip : { ...ip, gateway };
}

/**
 * For each family a default route through the gateway of its first address, unless IPAM gave one. A default route
 * that IPAM gave without a gateway gets that gateway (the reference then adds a second route, and fails).
 */
function withDefaultRoutes(routes: readonly ResultRoute[], ips: readonly ResultIp[]): readonly ResultRoute[] {
	let completed = [...routes];
	for (const family of [4, 6] as const) {
		const gateway = ips.find(({ address }) => address.address.family === family)?.gateway;
		if (gateway === undefined) continue;
		const isDefault = ({ dst }: ResultRoute) => isDefaultPrefix(dst) && dst.address.family === family;
		completed = completed.some(isDefault)
			? completed.map((route) => (isDefault(route) ? { ...route, gw: route.gw ?? gateway } : route))
			: [...completed, { dst: defaultPrefix(family), gw: gateway }];
	}
	return completed;
}
