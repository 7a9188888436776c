import type { Log } from "../cni/log.ts";
import { readGeneration } from "../netlink/nftables/batch.ts";
import { foreignDrops } from "./foreign-drop.ts";
import type { ForwardRequest } from "./forward.ts";
import { chooseForwardBackend } from "./forward-choice.ts";
import { loadFirewalld } from "./forward-parts.ts";
import { withNftables } from "./nftables-session.ts";

/**
 * Whether an ADD could succeed on this host; nothing is changed. Warns of what the host drops whatever we accept.
 *
 * @throws CniError
 */
export async function probeForward(
	{ backend, zone }: Pick<ForwardRequest, "backend" | "zone">,
	log: Log,
): Promise<void> {
	for (const chain of foreignDrops()) {
		log.warn(`${chain} has policy drop: what it does not accept itself is dropped, whatever is accepted elsewhere`);
	}
	const found = backend === "automatic" ? await chooseForwardBackend([]) : backend;
	if (found === "firewalld") (await loadFirewalld()).probeFirewalld(zone);
	else if (found === "nftables") withNftables(readGeneration);
	else (await import("./iptables/program.ts")).requireProgram({ table: "filter", family: 4 });
}
