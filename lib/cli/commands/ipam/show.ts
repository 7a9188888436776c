import { Command } from "commander";
import { writeStdout } from "../../../linux/stdio.ts";
import { type CommonOptions, isAllSeen, queryOf, reportBlind, withCommonOptions } from "../../ipam/common-options.ts";
import { readPlans } from "../../ipam/read-plans.ts";
import { planToJson } from "../../ipam/show-json.ts";
import { showText } from "../../ipam/show-text.ts";
import { plainJson } from "../../plain-text.ts";

interface Options extends CommonOptions {
	readonly blocks?: boolean;
	readonly picture: boolean;
}

/** `cnictl ipam show [NETWORK...]` */
export function ipamShowCommand(): Command {
	return withCommonOptions(new Command("show"))
		.description("Shows how much of each range is given, to which agents, and a picture of the address space.")
		.argument("[network...]", "names of networks (default: all)")
		.option("--blocks", "list each block of a cluster")
		.option("--no-picture", "tables only")
		.addHelpText("after", "\nExample:\n  cnictl ipam show mynet")
		.action(async (networks: string[], options: Options) => {
			const { plans, blind } = await readPlans(queryOf(options, networks));
			const { blocks = false, picture, json = false } = options;
			if (json) writeStdout(plainJson({ networks: plans.map(planToJson), notSeen: blind }));
			else if (isAllSeen(plans, blind)) writeStdout(showText(plans, { blocks, picture, now: Date.now() }));
			reportBlind(blind);
		});
}
