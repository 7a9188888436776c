import { isatty } from "node:tty";
import type { Command } from "commander";
import { formatJson } from "../../cni/encode-result.ts";
import { addNetwork } from "../../cni/runtime/add-network.ts";
import { encodeRecordedResult } from "../../cni/runtime/recorded-result.ts";
import { writeStdout } from "../../linux/stdio.ts";
import { attachmentCommand } from "../attachment-command.ts";

/** `cnictl add NETWORK NETNS` */
export function addCommand(): Command {
	return attachmentCommand("add", {
		description: "Attaches a network namespace to a network and prints the result as JSON.",
		run({ runtime, network, attachment }) {
			const result = formatJson(encodeRecordedResult(addNetwork(runtime, { network, attachment })));
			// Scripts get exactly what cnitool prints, which ends without a newline; people get one.
			writeStdout(isatty(1) ? `${result}\n` : result);
		},
	});
}
