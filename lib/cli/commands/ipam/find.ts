import { Command } from "commander";
import { quoteText } from "../../../cni/quote-text.ts";
import { writeStderr, writeStdout } from "../../../linux/stdio.ts";
import { ExitWith } from "../../exit-with.ts";
import {
	append,
	type CommonOptions,
	inWhatWasSeen,
	queryOf,
	reportBlind,
	withCommonOptions,
} from "../../ipam/common-options.ts";
import { describeUnheld, findHolders } from "../../ipam/find-holders.ts";
import { holdersText, holderToJson } from "../../ipam/holders-text.ts";
import { readPlans } from "../../ipam/read-plans.ts";
import { plainJson } from "../../plain-text.ts";

interface Options extends CommonOptions {
	readonly network: readonly string[];
}

/** `cnictl ipam find WANTED` */
export function ipamFindCommand(): Command {
	return withCommonOptions(new Command("find"))
		.description(
			"Finds who holds an address, or what a container or everybody with a tag holds. Exits with 1 for nobody.",
		)
		.argument("<wanted>", "an address, a container id or its beginning, a label KEY or KEY=VALUE, or a group")
		.option("-n, --network <name>", "only in this network; may be repeated", append, [])
		.addHelpText("after", "\nExample:\n  cnictl ipam find 10.22.0.2")
		.action(find);
}

async function find(wanted: string, options: Options): Promise<void> {
	const { plans, blind } = await readPlans(queryOf(options, options.network));
	const holders = findHolders(plans, wanted);
	const remarks = holders.length === 0 ? describeUnheld(plans, wanted) : [];
	if (options.json) writeStdout(plainJson({ found: holders.map(holderToJson), remarks, notSeen: blind }));
	else if (holders.length > 0) writeStdout(holdersText(holders, Date.now()));
	else if (remarks.length > 0) writeStdout(`${remarks.join("\n")}\n`);
	else
		writeStderr(
			`Nobody holds ${quoteText(wanted)}, and no container, label or group here is called so${inWhatWasSeen(blind)}\n`,
		);
	reportBlind(blind);
	if (holders.length === 0) throw new ExitWith(1);
}
