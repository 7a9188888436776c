import type { ResultIp, ResultRoute } from "../cni/result.ts";
import { addressPlus, type Family, type IpAddress, type IpPrefix } from "../ip/address.ts";
import type { GatewayRoutes } from "./gateway-routes.ts";

/**
 * What the container's interface shall be. ADD applies this description (`apply-interface.ts`) and CHECK verifies it
 * (`verify-interface.ts`), so that the two cannot drift apart.
 */
export interface InterfaceDescription {
	readonly name: string;
	/** The kernel's kind: `veth`, `macvlan`, …; absent for whatever the host has. */
	readonly kind?: string | undefined;
	/** Absent for one that the kernel chooses. */
	readonly mac?: string | undefined;
	/** Bytes; absent for one that the kernel chooses. */
	readonly mtu?: number | undefined;
	readonly up: boolean;
	readonly sysctls: readonly SysctlDescription[];
	readonly addresses: readonly IpPrefix[];
	readonly routes: readonly ResultRoute[];
	/** Instead of the routes that the kernel adds with the addresses. */
	readonly gatewayRoutes?: GatewayRoutes | undefined;
	/** Whether IPv6 addresses wait for duplicate address detection. */
	readonly detectDuplicates: boolean;
}

export interface SysctlDescription {
	/** Below /proc/sys, with slashes. */
	readonly path: string;
	readonly value: string;
	/** Whether ADD fails when it cannot be set; a kernel without the parameter may do without the others. */
	readonly essential: boolean;
}

/** Parameters without which IPv6 addresses do not work or do not last; none for an interface without IPv6. */
export function ipv6Sysctls(name: string, addresses: readonly IpPrefix[]): readonly SysctlDescription[] {
	if (!addresses.some(({ address }) => address.family === 6)) return [];
	return [
		{ path: "net/ipv6/conf/lo/disable_ipv6", value: "0", essential: false },
		{ path: `net/ipv6/conf/${name}/disable_ipv6`, value: "0", essential: true },
		{ path: `net/ipv6/conf/${name}/keep_addr_on_down`, value: "1", essential: true },
	];
}

/** Routes of a result with each missing gateway filled in: the first gateway of the family among the addresses. */
export function resolveRoutes(routes: readonly ResultRoute[], ips: readonly ResultIp[]): readonly ResultRoute[] {
	return routes.map((route) => {
		// To the kernel too, 0.0.0.0 and :: are no gateway: the interface leads there.
		if (route.gw?.value === 0n) {
			const { gw: _none, ...straight } = route;
			return straight;
		}
		const gw = route.gw ?? firstGateway(ips, route.dst.address.family);
		return gw === undefined ? route : { ...route, gw };
	});
}

/** The first gateway of the family. */
export function firstGateway(ips: readonly ResultIp[], family: Family): IpAddress | undefined {
	return ips.find(({ gateway }) => gateway?.family === family)?.gateway;
}

/** The address behind the network's own: what a network uses as gateway unless told otherwise. */
export function defaultGatewayOf(network: IpPrefix): IpAddress | undefined {
	return addressPlus(network.address, 1n);
}
