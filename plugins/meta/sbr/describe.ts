import type { Result, ResultIp } from "../../../lib/cni/result.ts";
import {
	defaultPrefix,
	type IpAddress,
	type IpPrefix,
	isDefaultPrefix,
	isLinkLocal,
	networkOf,
	prefixContains,
	sameAddress,
	samePrefix,
} from "../../../lib/ip/address.ts";
import { mainTable } from "../../../lib/netlink/route.ts";
import { copyOf, copyToTable, isOnLink, onLinkFirst, type RouteCopy } from "../../../lib/netlink/route-copy.ts";
import type { SourceRule } from "../../../lib/netlink/rule.ts";
import { firstFreeTable } from "../../../lib/netlink/used-tables.ts";
import type { SbrSettings } from "./config.ts";

/**
 * How packets of an interface's addresses shall be routed. ADD applies it and keeps it, CHECK verifies it, DEL takes it
 * back.
 */
export interface SourceRouting {
	/** Whether the tables were made for this attachment. */
	readonly ownTables: boolean;
	readonly rules: readonly SourceRule[];
	/** What is in the tables, in an order in which each gateway can be reached when it is named. */
	readonly tableRoutes: readonly RouteCopy[];
	/** Routes of the interface that have left main. */
	readonly movedRoutes: readonly RouteCopy[];
	/** Routes that main has instead: they say from which address packets to a network come. */
	readonly hints: readonly RouteCopy[];
}

/** The first table that is tried; the reference's. */
const firstTable = 100;

/** The addresses of a result that are of this interface, or of none that the result would tell. */
export function ownIps({ interfaces, ips }: Result, ifName: string): readonly ResultIp[] {
	return ips.filter(({ interface: index }) => {
		const entry = index === undefined ? undefined : interfaces[index];
		return entry === undefined || entry.name === ifName;
	});
}

export interface Surroundings {
	readonly ips: readonly ResultIp[];
	readonly linkIndex: number;
	/** Routes through the interface, of all tables. */
	readonly linkRoutes: readonly RouteCopy[];
	readonly usedTables: ReadonlySet<number>;
}

/** The description that belongs to the settings, the addresses, and the routes that the interface has. */
export function describeRouting(settings: SbrSettings, surroundings: Surroundings): SourceRouting {
	const { ips } = surroundings;
	const { table } = settings;
	if (table !== undefined) {
		const rules = ips.map(({ address }) => ({ source: address.address, table }));
		return { ownTables: false, rules, tableRoutes: [], movedRoutes: [], hints: [] };
	}
	const routes = surroundings.linkRoutes.filter((route) => route.table === mainTable && concerns(route, ips));
	const tables = assignTables(ips, surroundings.usedTables);
	const hints = settings.sourceHints ? hintsFor(ips, { routes, linkIndex: surroundings.linkIndex }) : [];
	return {
		ownTables: true,
		rules: tables.map(({ ip, table }) => ({ source: ip.address.address, table })),
		tableRoutes: tables.flatMap((own) => routesOfTable(own, { settings, surroundings, routes })),
		movedRoutes: routes.filter(
			(route) =>
				// Every interface needs its own, also for packets that no rule leads elsewhere.
				!isLinkLocal(route.destination.address) && !(settings.sourceHints && stays(route, hints)),
		),
		hints,
	};
}

interface OwnTable {
	readonly ip: ResultIp;
	readonly table: number;
}

function assignTables(ips: readonly ResultIp[], used: ReadonlySet<number>): readonly OwnTable[] {
	let next = firstTable;
	return ips.map((ip) => {
		const table = firstFreeTable(used, next);
		next = table + 1;
		return { ip, table };
	});
}

function routesOfTable(
	{ ip, table }: OwnTable,
	{
		settings,
		surroundings,
		routes,
	}: { settings: SbrSettings; surroundings: Surroundings; routes: readonly RouteCopy[] },
): readonly RouteCopy[] {
	const { ips, linkIndex } = surroundings;
	const { family } = ip.address.address;
	const gateway = settings.gateways.find((candidate) => candidate.family === family) ?? ip.gateway;
	const ours = routes.filter((route) => belongs(route, { ip, ips }));
	const others = ours.filter(({ destination }) => !isDefaultPrefix(destination));
	const defaults = ours.filter(({ destination }) => isDefaultPrefix(destination));
	// With a gateway of its own, an address leaves by that one alone.
	const wanted = gateway === undefined ? defaults : defaults.filter((route) => leadsTo(route, gateway)).slice(0, 1);
	const missing =
		gateway !== undefined && gateway.family === family && wanted.length === 0
			? [copyOf({ destination: defaultPrefix(family), linkIndex, gateway, table })]
			: [];
	return [...onLinkFirst([...others, ...wanted]).map((route) => copyToTable(route, table)), ...missing];
}

/**
 * Whether a route has to do with any of the addresses. Those of another family stay where they are, and those from an
 * address that is none of these.
 */
function concerns(route: RouteCopy, ips: readonly ResultIp[]): boolean {
	const { source } = route;
	const ofFamily = ips.filter(({ address }) => sameFamily(route, address));
	return (
		ofFamily.length > 0 &&
		(source === undefined ||
			ofFamily.some(({ address }) => prefixContains(address, source)) ||
			ofFamily.some(({ address }) => hasGatewayIn(route, address)))
	);
}

/** Whether the packets of this address need the route: by its source, its gateway, or because it names neither. */
function belongs(route: RouteCopy, { ip, ips }: { ip: ResultIp; ips: readonly ResultIp[] }): boolean {
	const { address } = ip;
	if (!sameFamily(route, address)) return false;
	if (isFrom(route, address) || hasGatewayIn(route, address)) return true;
	// What belongs to none of them may be needed by each.
	return route.source === undefined && !ips.some((other) => hasGatewayIn(route, other.address));
}

function sameFamily({ destination }: RouteCopy, { address }: IpPrefix): boolean {
	return destination.address.family === address.family;
}

function isFrom({ source }: RouteCopy, address: IpPrefix): boolean {
	return source !== undefined && prefixContains(address, source);
}

function hasGatewayIn({ hops }: RouteCopy, address: IpPrefix): boolean {
	return hops.some(({ gateway }) => gateway !== undefined && prefixContains(address, gateway));
}

function leadsTo({ hops }: RouteCopy, gateway: IpAddress): boolean {
	return hops.some((hop) => sameAddress(hop.gateway, gateway));
}

const scopeLink = 253;

/**
 * IPv4 networks that main shall reach from the address in them. In IPv6 the kernel chooses the address of the interface by
 * itself, and the network's route stays.
 */
function hintsFor(
	ips: readonly ResultIp[],
	{ routes, linkIndex }: { routes: readonly RouteCopy[]; linkIndex: number },
): readonly RouteCopy[] {
	const hints = new Map<string, RouteCopy>();
	for (const { address } of ips) {
		if (address.address.family === 6) continue;
		const destination = networkOf(address);
		const present = routes.some(
			(route) =>
				isOnLink(route) && samePrefix(route.destination, destination) && sameAddress(route.source, address.address),
		);
		const key = `${destination.address.value}/${destination.length}`;
		if (present) continue;
		hints.set(key, copyOf({ destination, linkIndex, source: address.address, scope: scopeLink }));
	}
	return [...hints.values()];
}

/** With hints, main keeps what is on the link, unless a hint says it with another source. */
function stays(route: RouteCopy, hints: readonly RouteCopy[]): boolean {
	return isOnLink(route) && !hints.some((hint) => samePrefix(hint.destination, route.destination));
}
