import type { Log } from "../cni/log.ts";
import { readGeneration } from "../netlink/nftables/batch.ts";
import { probeFirewalld } from "./firewalld/firewalld.ts";
import { foreignDrops } from "./foreign-drop.ts";
import type { ForwardRequest } from "./forward.ts";
import { chooseForwardBackend } from "./forward-choice.ts";
import { requireProgram } from "./iptables/program.ts";
import { withNftables } from "./nftables-session.ts";

/**
 * Whether an ADD could succeed on this host; nothing is changed. Warns of what the host drops whatever we accept.
 *
 * @throws CniError
 */
export function probeForward({ backend, zone }: Pick<ForwardRequest, "backend" | "zone">, log: Log): void {
	for (const chain of foreignDrops()) {
		log.warn(`${chain} has policy drop: what it does not accept itself is dropped, whatever is accepted elsewhere`);
	}
	const found = backend === "automatic" ? chooseForwardBackend([]) : backend;
	if (found === "firewalld") probeFirewalld(zone);
	else if (found === "nftables") withNftables(readGeneration);
	else requireProgram({ table: "filter", family: 4 });
}
