import type { Command } from "commander";
import { statusNetwork } from "../../cni/runtime/status-network.ts";
import { attachmentCommand } from "../attachment-command.ts";

/** `cnictl status NETWORK NETNS` */
export function statusCommand(): Command {
	return attachmentCommand("status", {
		description: "Asks the plugins of a network whether they could attach a container now. NETNS is not looked at.",
		run: ({ runtime, network }) => statusNetwork(runtime, network),
	});
}
