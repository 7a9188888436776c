import type { ClientIdentity, Offer } from "../../../../lib/dhcp/client-state.ts";
import type { Lease } from "../../../../lib/dhcp/lease.ts";
import {
	formatAddress,
	formatPrefix,
	hostPrefix,
	type IpAddress,
	type IpPrefix,
	parseAddress,
	parsePrefix,
} from "../../../../lib/ip/address.ts";
import { fromHex, toHex } from "../../../../lib/linux/bytes.ts";
import { formatMac, parseMac } from "../../../../lib/netlink/mac.ts";
import type { DhcpLeaseRecord } from "../../../../lib/state/dhcp-leases.ts";

/** What of a record a lease and a client are made of. */
type LeasePart = Omit<DhcpLeaseRecord, "network" | "containerId" | "ifName" | "sandbox" | "boot" | "link">;

/** The lease as it is kept. `now` tells which time of day its end is. */
export function leasePart(
	{ state, lease, takenRoutes = [] }: { state: "bound" | "lost"; lease: Lease; takenRoutes?: readonly string[] },
	{ identity, now }: { identity: ClientIdentity; now: number },
): LeasePart {
	const { gateway, routes, nameservers, domain, search, times } = lease;
	const endless = times.expiresAt === Number.POSITIVE_INFINITY;
	return {
		...clientPart(identity),
		state,
		address: formatPrefix(lease.address),
		server: formatAddress(lease.server),
		via: formatMac(lease.via),
		times: endless ? null : times,
		until: endless ? "for ever" : new Date(Date.now() + times.expiresAt - now).toISOString(),
		gateway: gateway === undefined ? "" : formatAddress(gateway),
		routes: routes.map((route) => ({
			destination: formatPrefix(route.destination),
			gateway: formatAddress(route.gateway),
		})),
		nameservers: nameservers.map(formatAddress),
		domain,
		search,
		takenRoutes,
	};
}

/** An offer that is about to be accepted. */
export function offerPart({ address, server, via }: Offer, identity: ClientIdentity): LeasePart {
	return {
		...clientPart(identity),
		state: "unclaimed",
		address: formatPrefix(hostPrefix(address)),
		server: formatAddress(server),
		via: formatMac(via),
		times: null,
		until: "",
		gateway: "",
		routes: [],
		nameservers: [],
		domain: "",
		search: [],
		takenRoutes: [],
	};
}

function clientPart({ options, broadcast }: ClientIdentity): Pick<LeasePart, "options" | "broadcast"> {
	const entries = [...options].map(([code, value]) => [String(code), toHex(value)]);
	return { options: Object.fromEntries(entries), broadcast };
}

/** The inverse of what was kept. @throws Error for a record that somebody has changed */
export function parseRecord(record: DhcpLeaseRecord): { readonly identity: ClientIdentity; readonly lease: Lease } {
	const { options, broadcast, link, times } = record;
	const never = Number.POSITIVE_INFINITY;
	return {
		identity: {
			hardwareAddress: macOf(link.mac),
			options: new Map(Object.entries(options).map(([code, value]) => [Number(code), fromHex(value)])),
			broadcast,
		},
		lease: {
			address: prefixOf(record.address),
			gateway: record.gateway === "" ? undefined : addressOf(record.gateway),
			routes: record.routes.map((route) => ({
				destination: prefixOf(route.destination),
				gateway: addressOf(route.gateway),
			})),
			nameservers: record.nameservers.map(addressOf),
			domain: record.domain,
			search: record.search,
			server: addressOf(record.server),
			via: macOf(record.via),
			times: times ?? { renewAt: never, rebindAt: never, expiresAt: never },
		},
	};
}

function addressOf(text: string): IpAddress {
	return orThrow(parseAddress(text), text);
}

function prefixOf(text: string): IpPrefix {
	return orThrow(parsePrefix(text), text);
}

function macOf(text: string): Uint8Array {
	return orThrow(parseMac(text), text);
}

function orThrow<T>(value: T | undefined, text: string): T {
	if (value === undefined) throw new Error(`"${text}" is no address`);
	return value;
}
