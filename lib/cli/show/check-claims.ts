import { ownerAlias } from "../../attachment/host-links.ts";
import { quoteText } from "../../cni/quote-text.ts";
import { emptyResult } from "../../cni/result.ts";
import { isRecordThere } from "../../firewall/reload.ts";
import { formatAddress, type IpAddress, isLinkLocal, sameAddress, samePrefix } from "../../ip/address.ts";
import { openNamespace } from "../../linux/netns.ts";
import type { Link } from "../../netlink/link.ts";
import { isUnicast, type ListedRoute, listAllRoutes } from "../../netlink/route-copy.ts";
import { openRouteSocket } from "../../netlink/rtnetlink.ts";
import { wordsOfKind } from "../survey/firewall-witnesses.ts";
import { identityAt, type LivingNamespace } from "../survey/namespaces.ts";
import type { Survey } from "../survey/survey.ts";
import { connectedSandbox } from "../survey/witness.ts";
import type { Claims } from "./claims.ts";
import { installedLimits, type ShownLimit } from "./limits.ts";
import type { Checked, ShownAttachment, ShownRoute } from "./shown-attachment.ts";
import { routeText } from "./texts.ts";

/** Holds what is recorded of an attachment against the kernel. */
export function checkClaims(claims: Claims, survey: Survey): ShownAttachment {
	const { attachment, witnesses, result = emptyResult } = claims;
	const place = placeOf(claims, survey);
	const inside = place.content?.links.find(({ name }) => name === attachment.ifName);
	const outside = hostLinkOf(claims, { inside, survey });
	const isGone = place.content === undefined && witnesses.some(({ state }) => state.kind === "gone");
	const known = place.content !== undefined || isGone;
	const there = <T>(value: T, isThere: boolean): Checked<T> => ({ value, inKernel: known ? isThere : undefined });
	const routes = inside === undefined ? [] : readRoutes(place.namespace, inside);
	const rules = claims.records.map(checkRecord);
	const isKindThere = (words: string) => rules.find(({ value }) => value === words)?.inKernel;
	const shown = {
		addresses: addressesOf(claims).map((address) => there(address, hasAddress(place, { inside, address }))),
		routes: routesOf(result).map((route) => there(route, hasRoute(routes, route))),
		ports: claims.ports.map((value) => ({ value, inKernel: isKindThere(wordsOfKind.portmap) })),
		groups: claims.groups.map((value) => ({ value, inKernel: isKindThere(wordsOfKind.groups) })),
		limits: limitsOf(claims, outside?.link),
		hostLink: outside === undefined ? undefined : { value: outside.name, inKernel: outside.link !== undefined },
		rules,
	};
	const isInterfaceMissing = place.content !== undefined && inside === undefined;
	const missing = [
		...(isGone ? ["its namespace"] : []),
		...(isInterfaceMissing ? [`interface ${quoteText(attachment.ifName)} in the container`] : []),
		...wordsForMissing(shown),
	];
	return {
		...attachment,
		state: isGone ? "gone" : missing.length > 0 ? "missing" : known ? "ok" : "unknown",
		missing,
		netns: place.path,
		pids: place.namespace?.pids ?? [],
		mac: inside?.mac,
		mtu: inside?.mtu,
		bridge: survey.hostLinks.find(({ index }) => index === outside?.link?.master)?.name,
		...shown,
		labels: claims.labels,
		dns: result.dns,
		since: claims.since,
		sources: [...new Set(witnesses.map(({ source }) => source))],
	};
}

interface Place {
	readonly path: string | undefined;
	readonly namespace: LivingNamespace | undefined;
	readonly content: ReturnType<Survey["namespaces"]["contentOf"]>;
}

/**
 * The namespace that a living witness names; else the one in which the interface has an address of the attachment; else the
 * path of one that is gone.
 */
function placeOf(claims: Claims, survey: Survey): Place {
	const { witnesses } = claims;
	const { namespaces } = survey;
	const named = witnesses.filter(({ sandbox }) => sandbox.path !== "" && sandbox.path !== connectedSandbox);
	for (const { state, sandbox } of named) {
		const identity = namespaces.all.has(sandbox.namespace) ? sandbox.namespace : (identityAt(sandbox.path) ?? "");
		const content = state.kind === "alive" ? namespaces.contentOf(identity) : undefined;
		if (content !== undefined) return { path: sandbox.path, namespace: namespaces.all.get(identity), content };
	}
	const gone = { path: named[0]?.sandbox.path, namespace: undefined, content: undefined };
	return named.length > 0 ? gone : (placeByAddress(claims, survey) ?? gone);
}

/** Without a record, as where a runtime keeps its results elsewhere. */
function placeByAddress({ attachment: { ifName }, addresses }: Claims, { namespaces }: Survey): Place | undefined {
	for (const address of addresses) {
		for (const namespace of namespaces.holdersOf(address)) {
			const content = namespaces.contentOf(namespace.identity);
			const inside = content?.links.find(({ name }) => name === ifName);
			const place = { path: namespace.paths[0], namespace, content };
			if (inside !== undefined && hasAddress(place, { inside, address })) return place;
		}
	}
	return undefined;
}

/** By the pair, by the alias, or by the name in the result, where there is none of it any more. */
function hostLinkOf(
	{ attachment, result }: Claims,
	{ inside, survey }: { inside: Link | undefined; survey: Survey },
): { name: string; link: Link | undefined } | undefined {
	const veths = survey.hostLinks.filter(({ kind }) => kind === "veth");
	const link =
		veths.find(({ index, peerIndex }) => index === inside?.peerIndex && peerIndex === inside.index) ??
		veths.find(({ alias }) => alias === ownerAlias(attachment));
	if (link !== undefined) return { name: link.name, link };
	const lost = result?.interfaces.find(
		({ name, sandbox }) => !sandbox && /^veth/.test(name) && !survey.hostLinks.some((other) => other.name === name),
	);
	return lost === undefined ? undefined : { name: lost.name, link: undefined };
}

/** Each once, those of the result first. */
function addressesOf({ result, addresses }: Claims): readonly IpAddress[] {
	const all = [...(result?.ips.map(({ address }) => address.address) ?? []), ...addresses];
	return [...new Map(all.map((address) => [formatAddress(address), address])).values()];
}

function hasAddress(
	{ content }: Place,
	{ inside, address }: { inside: Link | undefined; address: IpAddress },
): boolean {
	// Those that mean something on a link alone are not read.
	if (isLinkLocal(address)) return inside !== undefined;
	return (
		content?.addresses.some((other) => other.linkIndex === inside?.index && sameAddress(other.address, address)) ??
		false
	);
}

/** A route without a gateway goes by that of its family, as the specification has it. */
function routesOf({ routes, ips }: NonNullable<Claims["result"]>): readonly ShownRoute[] {
	return routes.map(({ dst, gw }) => ({
		destination: dst,
		gateway: gw ?? ips.find(({ address }) => address.address.family === dst.address.family)?.gateway,
	}));
}

/** Of any table: sbr moves routes. */
function readRoutes(namespace: LivingNamespace | undefined, { index }: Link): readonly ListedRoute[] {
	for (const path of namespace?.paths ?? []) {
		try {
			using opened = openNamespace(path);
			using socket = opened.run(openRouteSocket);
			return listAllRoutes(socket).filter(
				(route) => isUnicast(route) && route.hops.some((hop) => hop.linkIndex === index),
			);
		} catch {
			// Another path may lead there.
		}
	}
	return [];
}

function hasRoute(installed: readonly ListedRoute[], { destination, gateway }: ShownRoute): boolean {
	return installed.some(
		(route) =>
			samePrefix(route.destination, destination) &&
			(gateway === undefined || route.hops.some((hop) => sameAddress(hop.gateway, gateway))),
	);
}

function checkRecord({ kind, record }: Claims["records"][number]): Checked<string> {
	const value = wordsOfKind[kind];
	try {
		return { value, inKernel: isRecordThere(kind, record) };
	} catch {
		return { value, inKernel: undefined };
	}
}

/** Those that the kernel has, and those of the configuration that it has not. */
function limitsOf({ limits }: Claims, link: Link | undefined): readonly Checked<ShownLimit>[] {
	if (link === undefined) return limits.map((value) => ({ value, inKernel: false }));
	using host = openRouteSocket();
	const installed = installedLimits(host, link);
	const lost = limits.filter(({ direction }) => !installed.some((other) => other.direction === direction));
	return [
		...installed.map((value) => ({ value, inKernel: true })),
		...lost.map((value) => ({ value, inKernel: false })),
	];
}

type Lists = Pick<ShownAttachment, "addresses" | "routes" | "ports" | "limits" | "hostLink" | "rules">;

function wordsForMissing({ addresses, routes, limits, hostLink, rules }: Lists): readonly string[] {
	const lost = <T>(items: readonly Checked<T>[]) => items.filter(({ inKernel }) => inKernel === false);
	return [
		...lost(hostLink === undefined ? [] : [hostLink]).map(({ value }) => `host link ${quoteText(value)}`),
		...lost(addresses).map(({ value }) => `address ${formatAddress(value)}`),
		...lost(routes).map(({ value }) => `route ${routeText(value)}`),
		...lost(limits).map(({ value }) => `limit of ${value.direction}`),
		...lost(rules).map(({ value }) => `${value} in the firewall`),
	];
}
