import type { Ipam } from "../cni/ipam.ts";
import type { Teardown } from "../cni/teardown.ts";

/** These give addresses whatever there is; any other IPAM plugin finds what it would find under the reference's plugins. */
const indifferent: readonly string[] = ["cluster", "host-local", "static"];

/**
 * Whether the IPAM plugin wants to find the interface that the addresses are for: `dhcp` speaks through it. It is called after
 * the interface has been made and before it is removed, which is later and earlier than necessary for others.
 */
export function wantsInterface(ipam: Ipam | undefined): boolean {
	return ipam !== undefined && !indifferent.includes(ipam.type);
}

/**
 * The steps of a DEL or GC together with that of the IPAM plugin, which comes last where it can: nobody else may get an
 * address while its old owner could still use it. One that wants to find the interface sees to that itself.
 */
export async function tearDownWithIpam(
	teardown: Teardown,
	{ ipam, verb }: { ipam: Ipam | undefined; verb: "del" | "gc" },
	others: () => Promise<void>,
): Promise<void> {
	const own = () => teardown.step("ipam", () => ipam?.[verb]());
	if (wantsInterface(ipam)) await own();
	await others();
	if (!wantsInterface(ipam)) await own();
}
