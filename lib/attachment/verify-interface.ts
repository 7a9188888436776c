import { CniError, ErrorCode } from "../cni/error.ts";
import type { ResultRoute } from "../cni/result.ts";
import {
	bitsOf,
	formatPrefix,
	type IpPrefix,
	isDefaultPrefix,
	networkOf,
	sameAddress,
	samePrefix,
} from "../ip/address.ts";
import { readSysctl } from "../linux/sysctl.ts";
import { listAddresses } from "../netlink/address.ts";
import { findLink, type Link } from "../netlink/link.ts";
import { type InstalledRoute, listRoutes, mainTable, tableOrMain } from "../netlink/route.ts";
import { routeText } from "./apply-interface.ts";
import { type SourceRoute, sourceRouteText } from "./gateway-routes.ts";
import type { InterfaceDescription } from "./interface.ts";
import type { Sandbox } from "./sandbox.ts";

/**
 * Compares the sandbox's interface with its description. What is there besides, such as routes of later plugins in the
 * chain, is none of this attachment's business.
 *
 * @returns the interface
 * @throws CniError naming the first difference
 */
export function verifyInterface(sandbox: Sandbox, description: InterfaceDescription): Link {
	const { name, kind, mac, mtu, up } = description;
	const link = findLink(sandbox.socket, { name });
	if (link === undefined) throw fault(`Cannot find container link ${name}`);
	if (link.kind !== kind) {
		throw fault(`Error: Container interface ${name} not of type ${kind}`, `Its type is "${link.kind}"`);
	}
	if (mac !== undefined && link.mac !== mac) {
		throw fault(`Interface ${name} Mac ${mac} doesn't match container Mac: ${link.mac}`);
	}
	if (mtu !== undefined && link.mtu !== mtu) {
		throw fault(`Interface ${name} has MTU ${link.mtu}, and the configuration says ${mtu}`);
	}
	if (up && !link.up) throw fault(`Interface ${name} is down`);
	verifySysctls(sandbox, description);
	verifyAddresses(sandbox, { link, description });
	verifyRoutes(sandbox, { link, description });
	return link;
}

function verifySysctls(sandbox: Sandbox, { sysctls }: InterfaceDescription): void {
	sandbox.namespace.run(() => {
		// The others are a matter of taste, and a later plugin of the chain (tuning) may have another.
		for (const { path, value } of sysctls.filter(({ essential }) => essential)) {
			const actual = tryReadSysctl(path);
			if (actual === value) continue;
			throw fault(`Parameter ${path} is ${actual ?? "missing"}, and ADD set it to ${value}`);
		}
	});
}

function tryReadSysctl(path: string): string | undefined {
	try {
		return readSysctl(path);
	} catch {
		return undefined;
	}
}

interface Subject {
	readonly link: Link;
	readonly description: InterfaceDescription;
}

function verifyAddresses({ socket }: Sandbox, { link, description }: Subject): void {
	if (description.addresses.length === 0) return;
	const actual = listAddresses(socket, link.index);
	for (const wanted of description.addresses) {
		const found = actual.find(({ prefix }) => samePrefix(prefix, wanted));
		if (found === undefined) {
			throw fault(`Failed to match addr ${formatPrefix(wanted)} on interface ${link.name}`);
		}
		if (found.dadFailed) {
			throw fault(`Address ${formatPrefix(wanted)} on interface ${link.name} is in use by another machine (dadfailed)`);
		}
	}
}

function verifyRoutes({ socket }: Sandbox, { link, description }: Subject): void {
	const { addresses, routes, gatewayRoutes } = description;
	const tables = new Map<number, readonly InstalledRoute[]>();
	const routesOf = (table: number) => {
		const known = tables.get(table) ?? listRoutes(socket, table);
		tables.set(table, known);
		return known;
	};
	for (const route of gatewayRoutes === undefined ? [] : [...gatewayRoutes.gateways, ...gatewayRoutes.networks]) {
		if (routesOf(mainTable).some((installed) => isSourceRoute(installed, { route, link }))) continue;
		const text = sourceRouteText(route);
		throw fault(
			`Expected Route ${text} not found in routing table`,
			`Put it back with: ip route add ${text} dev ${link.name}`,
		);
	}
	for (const address of gatewayRoutes === undefined ? addresses : []) {
		if (!hasConnectedRoute(routesOf(mainTable), { address, link })) {
			throw fault(
				`Failed to find the route to ${formatPrefix(networkOf(address))} for interface ${link.name}`,
				`Put it back with: ip route add ${formatPrefix(networkOf(address))} dev ${link.name}`,
			);
		}
	}
	for (const route of routes) {
		if (!routesOf(tableOrMain(route.table)).some((installed) => isRoute(installed, { route, link }))) {
			throw fault(`Expected Route ${routeText(route)} not found in routing table`);
		}
	}
}

/** The kernel adds it with the address; a single host has none in IPv4. */
function hasConnectedRoute(
	installed: readonly InstalledRoute[],
	{ address, link }: { address: IpPrefix; link: Link },
): boolean {
	if (address.length === bitsOf(address.address.family)) return true;
	const network = networkOf(address);
	return installed.some(
		({ destination, hops }) =>
			samePrefix(destination, network) && hops.some(({ linkIndex }) => linkIndex === link.index),
	);
}

function isSourceRoute(
	{ destination, source, hops }: InstalledRoute,
	{ route, link }: { route: SourceRoute; link: Link },
): boolean {
	if (!samePrefix(destination, route.destination) || !sameAddress(source, route.source)) return false;
	return hops.some(({ linkIndex, gateway }) => {
		const sameGateway = route.gateway === undefined ? gateway === undefined : sameAddress(gateway, route.gateway);
		return linkIndex === link.index && sameGateway;
	});
}

function isRoute(installed: InstalledRoute, { route, link }: { route: ResultRoute; link: Link }): boolean {
	if (!samePrefix(installed.destination, networkOf(route.dst))) return false;
	// A later plugin of the chain may have chosen another default gateway, which the specification lets stand.
	if (isDefaultPrefix(route.dst)) return installed.hops.length > 0;
	if (!hasAttributes(installed, route)) return false;
	const throughLink = installed.hops.filter(({ linkIndex }) => linkIndex === link.index);
	return throughLink.some(({ gateway }) => route.gw === undefined || sameAddress(gateway, route.gw));
}

/** What the configuration leaves open, the kernel chooses; IPv6 routes have no scope. */
function hasAttributes(installed: InstalledRoute, { dst, priority, scope, mtu, advmss }: ResultRoute): boolean {
	return (
		(!priority || installed.priority === priority) &&
		(!mtu || installed.mtu === mtu) &&
		(!advmss || installed.advmss === advmss) &&
		(scope === undefined || dst.address.family === 6 || installed.scope === scope)
	);
}

function fault(message: string, details = ""): CniError {
	return new CniError(ErrorCode.internal, message, { details });
}
