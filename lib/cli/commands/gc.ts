import type { Command } from "commander";
import { gcNetwork } from "../../cni/runtime/gc-network.ts";
import { attachmentCommand } from "../attachment-command.ts";

/** `cnictl gc NETWORK NETNS` */
export function gcCommand(): Command {
	return attachmentCommand("gc", {
		description:
			"Takes away EVERY attachment of a network that the result cache knows, then asks its plugins to clean up. " +
			"Like cnitool, it counts no attachment as valid; NETNS is not looked at.",
		run: ({ runtime, network }) => gcNetwork(runtime, { network }),
	});
}
