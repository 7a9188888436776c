import type { Command } from "commander";
import { delNetwork } from "../../cni/runtime/del-network.ts";
import { attachmentCommand } from "../attachment-command.ts";

/** `cnictl del NETWORK NETNS` */
export function delCommand(): Command {
	return attachmentCommand("del", {
		description: "Detaches a network namespace from a network. Succeeds also when nothing is left to detach.",
		run: ({ runtime, network, attachment }) => delNetwork(runtime, { network, attachment }),
	});
}
