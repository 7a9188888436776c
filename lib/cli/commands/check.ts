import type { Command } from "commander";
import { checkNetwork } from "../../cni/runtime/check-network.ts";
import { attachmentCommand } from "../attachment-command.ts";

/** `cnictl check NETWORK NETNS` */
export function checkCommand(): Command {
	return attachmentCommand("check", {
		description: "Checks that an attachment is still as cnictl add left it.",
		run: ({ runtime, network, attachment }) => checkNetwork(runtime, { network, attachment }),
	});
}
