import { Command } from "commander";
import type { PluginRegistry } from "../../../cni/call.ts";
import { errorText } from "../../../cni/error.ts";
import { given } from "../../../cni/given.ts";
import { quoteText } from "../../../cni/quote-text.ts";
import { formatAddress } from "../../../ip/address.ts";
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
import { lookAround, minAgeOption } from "../../ipam/look-around.ts";
import { readPlans } from "../../ipam/read-plans.ts";
import { type Holding, holdingsOf } from "../../ipam/release/holdings.ts";
import { objectionTo } from "../../ipam/release/objection.ts";
import { releaseHolding } from "../../ipam/release/release-holding.ts";
import { networkToJson } from "../../ipam/show-json.ts";
import { plainJson, plainLine, plainText } from "../../plain-text.ts";

interface Options extends CommonOptions {
	readonly network: readonly string[];
	readonly interface?: string;
	readonly minAge: number;
	readonly force?: boolean;
}

/** `cnictl ipam release WANTED` */
export function ipamReleaseCommand(plugins: PluginRegistry): Command {
	return withCommonOptions(new Command("release"))
		.description(
			"Releases all that a container holds, or the holder of an address, when the container surely does not live any more.",
		)
		.argument("<wanted>", "a container id, or an address")
		.option("-n, --network <name>", "only in this network; may be repeated", append, [])
		.option("-i, --interface <name>", "only of this interface")
		.addOption(minAgeOption())
		.option("--force", "also when the container may live, and would share its address with another then")
		.addHelpText("after", "\nExample:\n  cnictl ipam release 10.22.0.2 --network mynet")
		.action((wanted: string, options: Options) => release(wanted, { ...options, plugins }));
}

interface Outcome {
	readonly holding: Holding;
	readonly outcome: "released" | "refused" | "failed";
	readonly reason: string | undefined;
}

async function release(wanted: string, options: Options & { readonly plugins: PluginRegistry }): Promise<void> {
	const { force = false, json = false } = options;
	const query = queryOf(options, options.network);
	const { plans, blind } = await readPlans(query);
	const holdings = holdingsOf(plans, { wanted, ifName: options.interface });
	const outcomes: Outcome[] = [];
	// After the reservations: whoever has been attached meanwhile has others, or is seen here.
	const look = lookAround(query, options);
	for (const holding of holdings)
		outcomes.push(await attempt(holding, { objection: objectionTo(holding, look), force }));
	if (json) writeStdout(plainJson({ outcomes: outcomes.map(toJson), notSeen: blind }));
	else for (const each of outcomes) writeStdout(`${plainLine(sentenceOf(each))}\n`);
	if (!json && outcomes.length === 0) {
		writeStderr(
			`Cannot release what ${quoteText(wanted)} holds: nothing is reserved by this name or address${inWhatWasSeen(blind)}\n`,
		);
	}
	reportBlind(blind);
	if (outcomes.length === 0 || outcomes.some(({ outcome }) => outcome !== "released")) throw new ExitWith(1);
}

async function attempt(
	holding: Holding,
	{ objection, force }: { readonly objection: string | undefined; readonly force: boolean },
): Promise<Outcome> {
	if (objection !== undefined && !force) return { holding, outcome: "refused", reason: objection };
	try {
		await releaseHolding(holding);
		return { holding, outcome: "released", reason: objection };
	} catch (thrown) {
		return { holding, outcome: "failed", reason: errorText(thrown) };
	}
}

function sentenceOf({ holding, outcome, reason }: Outcome): string {
	const { network, owner, addresses } = holding;
	const whose = `${plainText(owner.containerId)}${owner.ifName === "" ? "" : `/${plainText(owner.ifName)}`}`;
	const what = `${addresses.map(formatAddress).join(" ")} of ${whose} on ${plainText(network.name)}`;
	if (outcome === "released") return `released ${what}${reason === undefined ? "" : `, although ${reason}`}`;
	return `${outcome}: ${what}: ${reason ?? ""}${outcome === "refused" ? ". --force releases it nevertheless" : ""}`;
}

function toJson({ holding, outcome, reason }: Outcome): Record<string, unknown> {
	const { network, owner, agent, addresses } = holding;
	return {
		...networkToJson(network),
		...owner,
		...given("agent", agent),
		addresses: addresses.map(formatAddress),
		outcome,
		...given("reason", reason),
	};
}
