import { Command } from "commander";
import type { PluginRegistry } from "../../../cni/call.ts";
import { writeStdout } from "../../../linux/stdio.ts";
import { examine, isLeft } from "../../doctor/examine.ts";
import { reportText } from "../../doctor/report-text.ts";
import { toJson } from "../../doctor/to-json.ts";
import { ExitWith } from "../../exit-with.ts";
import { clusterKind } from "../../ipam/check/cluster-kind.ts";
import { hostLocalKinds } from "../../ipam/check/host-local-kinds.ts";
import { type CommonOptions, queryOf, withCommonOptions } from "../../ipam/common-options.ts";
import { lookAround, minAgeOption } from "../../ipam/look-around.ts";
import { openProgress } from "../../ipam/progress.ts";
import { chooseNetworks } from "../../ipam/read-plans.ts";
import { plainJson } from "../../plain-text.ts";

interface Options extends CommonOptions {
	readonly fix?: boolean;
	readonly minAge: number;
}

/** `cnictl ipam check [NETWORK...]` */
export function ipamCheckCommand(plugins: PluginRegistry): Command {
	return withCommonOptions(new Command("check"))
		.description(
			"Holds reservations against each other and against the living containers of this host. Says how sure it is, why, " +
				"and what is to be done. Exits with 1 when something is left.",
		)
		.argument("[network...]", "names of networks (default: all)")
		.option("--fix", "do what is surely right, each after a second look")
		.addOption(minAgeOption())
		.addHelpText("after", "\nExample:\n  cnictl ipam check --fix")
		.action((networks: string[], options: Options) => check(networks, { ...options, plugins }));
}

async function check(names: readonly string[], options: Options & { readonly plugins: PluginRegistry }): Promise<void> {
	const { fix = false, json = false } = options;
	const query = queryOf(options, names);
	const { networks, blind } = chooseNetworks(query);
	const look = lookAround(query, options);
	using progress = openProgress();
	const kinds = networks.flatMap((network) =>
		network.type === "host-local" ? hostLocalKinds(network) : [clusterKind(network, progress)],
	);
	const examination = await examine(look, { fix, kinds });
	const all = { ...examination, blind: [...blind, ...examination.blind] };
	const words = { command: "cnictl ipam check", nothing: "Nothing is wrong", done: "fixed" };
	writeStdout(json ? plainJson(toJson(all)) : reportText(all, { fix, ...words }));
	if (all.blind.length > 0 || all.examined.some(isLeft)) throw new ExitWith(1);
}
