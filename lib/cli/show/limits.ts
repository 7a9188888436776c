import { isOurBucket, readShaping, targetsOf } from "../../attachment/shaping.ts";
import { asObject } from "../../cni/member-of.ts";
import type { Link } from "../../netlink/link.ts";
import { findQdisc } from "../../netlink/qdisc.ts";
import type { TokenBucket } from "../../netlink/token-bucket.ts";
import { rootParent } from "../../netlink/traffic-control.ts";
import type { NetlinkSocket } from "../../netlink/wire/socket.ts";

/** How much may go in one direction: `ingress` is towards the container. */
export interface ShownLimit {
	readonly direction: "ingress" | "egress";
	readonly rateBitsPerSecond: number;
}

/** What the kernel limits at the host's end of a container's link. @throws NetlinkError */
export function installedLimits(host: NetlinkSocket, link: Link): readonly ShownLimit[] {
	const shaping = readShaping(host, link);
	const towards = shaping.root !== undefined && isOurBucket(shaping.root) ? shaping.root.tokenBucket : undefined;
	const [target] = targetsOf(shaping);
	const away = target === undefined ? undefined : findQdisc(host, { index: target, parent: rootParent })?.tokenBucket;
	return [...limitIn("ingress", towards), ...limitIn("egress", away)];
}

function limitIn(direction: ShownLimit["direction"], bucket: TokenBucket | undefined): readonly ShownLimit[] {
	return bucket === undefined ? [] : [{ direction, rateBitsPerSecond: Number(bucket.rateBytesPerSecond) * 8 }];
}

/** What a configuration and the capability argument `bandwidth` ask for; the latter counts where there is one. */
export function configuredLimits(config: string, capability: unknown): readonly ShownLimit[] {
	const limits = asObject(capability) ?? pluginIn(config) ?? {};
	return (["ingress", "egress"] as const).flatMap((direction) => {
		const rate = limits[`${direction}Rate`];
		// The kernel counts bytes.
		return typeof rate === "number" && rate >= 8 ? [{ direction, rateBitsPerSecond: Math.floor(rate / 8) * 8 }] : [];
	});
}

function pluginIn(config: string): Readonly<Record<string, unknown>> | undefined {
	try {
		const plugins = asObject(JSON.parse(config))?.plugins;
		return Array.isArray(plugins) ? plugins.map(asObject).find((plugin) => plugin?.type === "bandwidth") : undefined;
	} catch {
		return undefined;
	}
}
