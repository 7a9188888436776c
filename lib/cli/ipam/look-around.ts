import { InvalidArgumentError, Option } from "commander";
import type { PluginRegistry } from "../../cni/call.ts";
import { createLog } from "../../cni/log.ts";
import { writeStderr } from "../../linux/stdio.ts";
import type { Look } from "../doctor/finding.ts";
import { plainLine } from "../plain-text.ts";
import { findStatePlaces } from "../survey/state-places.ts";
import { takeSurvey } from "../survey/survey.ts";
import type { PlanQuery } from "./read-plans.ts";

/** `--min-age` */
export function minAgeOption(): Option {
	return new Option("--min-age <seconds>", "be sure of nothing younger: it may belong to an ADD or DEL under way")
		.argParser(seconds)
		.default(60);
}

/** A look at the containers of this host. */
export function lookAround(
	{ configDirectory, dataDirs }: PlanQuery,
	{ minAge, plugins }: { readonly minAge: number; readonly plugins: PluginRegistry },
): Look {
	const fields = { plugin: "cnictl", command: "ipam" };
	const stderr = (line: string) => writeStderr(`${plainLine(line.trimEnd())}\n`);
	const log = createLog({ path: process.env.CNI_SUITE_LOG, traceparent: undefined, fields, stderr });
	const survey = takeSurvey(findStatePlaces({ configDirectory, dataDirs }));
	return { survey, minAgeMs: minAge * 1000, plugins, log };
}

function seconds(text: string): number {
	if (/^\d{1,9}$/.test(text)) return Number(text);
	throw new InvalidArgumentError("It is a number of seconds.");
}
