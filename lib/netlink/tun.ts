import type { Link } from "./link.ts";
import { read } from "./wire/attributes.ts";

/** What a tun or tap device is beside a link; `ip tuntap show`. */
export interface Tun {
	readonly mode: "tun" | "tap";
	readonly multiQueue: boolean;
	/** User id; undefined where nobody is named. */
	readonly owner: number | undefined;
	/** Group id. */
	readonly group: number | undefined;
}

const IFLA_TUN_OWNER = 1;
const IFLA_TUN_GROUP = 2;
const IFLA_TUN_TYPE = 3;
const IFLA_TUN_MULTI_QUEUE = 7;
const IFF_TAP = 2;

/** Undefined for a link of another kind, and on kernels before 4.20, which do not tell. */
export function tunOf({ kind, kindData }: Link): Tun | undefined {
	if (kind !== "tun" || kindData === undefined) return undefined;
	const attributes = read.nested(kindData);
	return {
		mode: read.u8(attributes.get(IFLA_TUN_TYPE)) === IFF_TAP ? "tap" : "tun",
		multiQueue: read.u8(attributes.get(IFLA_TUN_MULTI_QUEUE)) === 1,
		owner: read.u32(attributes.get(IFLA_TUN_OWNER)),
		group: read.u32(attributes.get(IFLA_TUN_GROUP)),
	};
}
