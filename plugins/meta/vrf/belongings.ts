import { messageOf } from "../../../lib/cni/error.ts";
import {
	formatPrefix,
	type IpPrefix,
	isLinkLocal,
	parsePrefix,
	sameAddress,
	samePrefix,
} from "../../../lib/ip/address.ts";
import { fromHex, toHex } from "../../../lib/linux/bytes.ts";
import { Errno } from "../../../lib/linux/errno.ts";
import { sleep } from "../../../lib/linux/libc.ts";
import { addAddress, listAddresses, ofFamily } from "../../../lib/netlink/address.ts";
import {
	appendRoute,
	copyToTable,
	listLinkRoutes,
	onLinkFirst,
	parseRouteCopy,
	type RouteCopy,
} from "../../../lib/netlink/route-copy.ts";
import type { NetlinkSocket } from "../../../lib/netlink/wire/socket.ts";
import type { VrfRecord } from "../../../lib/state/vrf-record.ts";

/*
 * An interface that changes its master goes down and up in the kernel's hands, and loses its routes, and its IPv6 addresses
 * unless keep_addr_on_down is set. So both are noted before, and what is missing is given back after.
 */

/** What an interface loses with its master. */
export interface Belongings {
	/** IPv6, but for the link-local one, which the kernel makes anew. */
	readonly addresses: readonly IpPrefix[];
	/** Through the interface, of all tables, but for link-local ones; in any order. */
	readonly routes: readonly RouteCopy[];
}

const localTable = 255;

/** What the interface has. */
export function belongingsOf(socket: NetlinkSocket, linkIndex: number): Belongings {
	return {
		addresses: ofFamily(listAddresses(socket, linkIndex), 6)
			.map(({ prefix }) => prefix)
			.filter(({ address }) => !isLinkLocal(address)),
		routes: listLinkRoutes(socket, linkIndex).filter(
			({ table, destination }) => table !== localTable && !isLinkLocal(destination.address),
		),
	};
}

/** The same with the routes of one table in another. */
export function inOtherTable(
	{ addresses, routes }: Belongings,
	{ from, to }: { from: number; to: number },
): Belongings {
	return { addresses, routes: routes.map((route) => (route.table === from ? copyToTable(route, to) : route)) };
}

/**
 * Gives the interface what it lacks.
 *
 * @returns what could not be given, and why
 */
export function giveBack(
	socket: NetlinkSocket,
	{ linkIndex, belongings }: { linkIndex: number; belongings: Belongings },
): readonly string[] {
	const present = listAddresses(socket, linkIndex);
	const missing = belongings.addresses.filter((prefix) => !present.some((one) => samePrefix(one.prefix, prefix)));
	const errors = socket.requestAll(missing.map((prefix) => addAddress(linkIndex, { prefix, detectDuplicates: false })));
	const complaints = missing.flatMap((prefix, index) =>
		errors[index] === undefined || errors[index]?.errno === Errno.EEXIST
			? []
			: [`could not add address '${formatPrefix(prefix)}': ${errors[index]?.message}`],
	);
	return [...complaints, ...giveRoutes(socket, { linkIndex, routes: onLinkFirst(belongings.routes) })];
}

/** The kernel finishes the routes of IPv6 addresses in a worker; until then gateways cannot be reached. */
const patienceMs = 2500;

function giveRoutes(
	socket: NetlinkSocket,
	{ linkIndex, routes }: { linkIndex: number; routes: readonly RouteCopy[] },
): readonly string[] {
	const deadline = performance.now() + patienceMs;
	for (let pause = 1; ; pause = Math.min(2 * pause, 50)) {
		const present = listLinkRoutes(socket, linkIndex);
		const missing = routes.filter((route) => !present.some((one) => isSameRoute(one, route)));
		const errors = socket.requestAll(missing.map(appendRoute));
		const failed = missing.flatMap((route, index) => {
			const error = errors[index];
			return error === undefined || error.errno === Errno.EEXIST ? [] : [{ route, error }];
		});
		if (failed.length === 0) return [];
		if (performance.now() > deadline) {
			return failed.map(
				({ route, error }) => `could not add route '${formatPrefix(route.destination)}': ${messageOf(error)}`,
			);
		}
		sleep(pause);
	}
}

export function isSameRoute(a: RouteCopy, b: RouteCopy): boolean {
	return (
		a.table === b.table &&
		a.priority === b.priority &&
		samePrefix(a.destination, b.destination) &&
		a.hops.length === b.hops.length &&
		a.hops.every((hop, index) => sameAddress(hop.gateway, b.hops[index]?.gateway))
	);
}

/** As a record keeps them. */
export function toTexts({ addresses, routes }: Belongings): Pick<VrfRecord, "addresses" | "routes"> {
	return { addresses: addresses.map(formatPrefix), routes: routes.map(({ body }) => toHex(body)) };
}

/** The inverse of {@link toTexts}. */
export function fromTexts({ addresses, routes }: Pick<VrfRecord, "addresses" | "routes">): Belongings {
	return {
		addresses: addresses.flatMap((text) => parsePrefix(text) ?? []),
		routes: routes.map((text) => parseRouteCopy(fromHex(text))),
	};
}
