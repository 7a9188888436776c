import { attemptIn, type Namespace, runIn } from "./namespace.ts";
import type { World } from "./world.ts";

/** An interface that stands for a host's network card: what it sends arrives at an interface of another machine. */
export interface Master {
	readonly name: string;
	/** The other machine. */
	readonly outside: Namespace;
	/** Its interface. */
	readonly far: string;
}

export interface MasterOptions {
	/** Where it is made; by default on the host. */
	readonly in?: Namespace;
	/** By default `card0`. */
	readonly name?: string;
	/** Bytes; by default 1500. */
	readonly mtu?: number;
}

/** `ip link add NAME type veth peer name far0 netns OUTSIDE`, both ends up. */
export function makeMaster(world: World, { in: inside = world.host, name = "card0", mtu = 1500 }: MasterOptions = {}) {
	const outside = world.container();
	const far = "far0";
	runIn(
		inside,
		`ip link add ${name} mtu ${mtu} up type veth peer name ${far} mtu ${mtu} netns ${outside.name}`.split(" "),
	);
	runIn(outside, `ip link set ${far} up`.split(" "));
	return { name, outside, far } satisfies Master;
}

/** Makes sure, unless it has been renamed, that the host has an interface of that name, which is up, for tests that are not about packets. */
export function ensureMaster({ host }: Pick<World, "host">, name = "card0"): string {
	if (attemptIn(host, ["ip", "link", "show", `${name}-far`]).exitCode !== 0) {
		runIn(host, `ip link add ${name} up type veth peer name ${name}-far`.split(" "));
		runIn(host, `ip link set ${name}-far up`.split(" "));
	}
	return name;
}

/** What `makeMaster` and `ensureMaster` add to the host (as `card…` or `eth0`), as differences that are not the plugin's. */
export const masterLines: readonly RegExp[] = [/^[+-] (link|address|route|qdisc) .*\b(card\d(-far)?|eth0)\b/];
