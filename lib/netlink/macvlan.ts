import type { Link } from "./link.ts";
import { addUpperLink, type NewUpperLink } from "./upper-link.ts";
import { attribute, read } from "./wire/attributes.ts";
import type { Message } from "./wire/message.ts";

const IFLA_MACVLAN_MODE = 1;
const IFLA_MACVLAN_BC_QUEUE_LEN = 7;

const modes = { private: 1, vepa: 2, bridge: 4, passthru: 8 } as const;

/**
 * What passes between macvlan links of one master: `bridge` everything, `private` nothing, `vepa` what a switch outside
 * sends back. `passthru` has the master to itself.
 */
export type MacvlanMode = keyof typeof modes;

export interface Macvlan {
	readonly mode: MacvlanMode;
	/** Broadcast and multicast packets that may wait on the master; absent for the kernel's own, which is 1000. */
	readonly broadcastQueueLength?: number | undefined;
}

/** `ip link add link MASTER name NAME … type macvlan mode MODE bcqueuelen N`. */
export function addMacvlan(link: NewUpperLink, { mode, broadcastQueueLength }: Macvlan): Message {
	return addUpperLink(link, {
		kind: "macvlan",
		data: [
			attribute.u32(IFLA_MACVLAN_MODE, modes[mode]),
			...(broadcastQueueLength === undefined ? [] : [attribute.u32(IFLA_MACVLAN_BC_QUEUE_LEN, broadcastQueueLength)]),
		],
	});
}

/** What a link is as macvlan; undefined for a mode that is none of ours (`source`). */
export function macvlanOf({ kindData }: Pick<Link, "kindData">): Macvlan | undefined {
	const attributes = read.nested(kindData);
	const number = read.u32(attributes.get(IFLA_MACVLAN_MODE));
	const mode = macvlanModes.find((name) => modes[name] === number);
	if (mode === undefined) return undefined;
	return { mode, broadcastQueueLength: read.u32(attributes.get(IFLA_MACVLAN_BC_QUEUE_LEN)) };
}

export const macvlanModes: readonly MacvlanMode[] = ["bridge", "private", "vepa", "passthru"];
