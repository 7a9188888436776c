import type { IpAddress } from "../ip/address.ts";
import { ensureSysctl, readSysctl } from "../linux/sysctl.ts";
import { findLink } from "../netlink/link.ts";
import { routeTo } from "../netlink/route.ts";
import { openRouteSocket } from "../netlink/rtnetlink.ts";
import type { NetlinkSocket } from "../netlink/wire/socket.ts";

/**
 * Lets connections to 127.0.0.1 leave for the container: on the interface that leads to it, route_localnet. It stays
 * when the container goes, as others may use it. A container that no route leads to is left as it is.
 *
 * @throws SystemError
 */
export function enableLocalhost(host: NetlinkSocket, container: IpAddress): void {
	const parameter = parameterFor(host, container);
	if (parameter !== undefined) ensureSysctl(parameter, "1");
}

/** What is missing of it, in words. */
export function missingLocalhost(container: IpAddress): readonly string[] {
	using host = openRouteSocket();
	const parameter = parameterFor(host, container);
	if (parameter === undefined) return [];
	// The kernel lets either of them count.
	const isOn = [parameter, "net/ipv4/conf/all/route_localnet"].some((path) => readSysctl(path) === "1");
	return isOn ? [] : [`sysctl ${parameter}=1`];
}

function parameterFor(host: NetlinkSocket, container: IpAddress): string | undefined {
	const index = routeTo(host, container);
	const link = index === undefined ? undefined : findLink(host, { index });
	return link === undefined ? undefined : `net/ipv4/conf/${link.name}/route_localnet`;
}
