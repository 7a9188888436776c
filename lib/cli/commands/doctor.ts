import { Command, InvalidArgumentError } from "commander";
import type { PluginRegistry } from "../../cni/call.ts";
import { createLog } from "../../cni/log.ts";
import { writeStderr, writeStdout } from "../../linux/stdio.ts";
import { configDirectoryOf } from "../attachment-command.ts";
import { type Examination, examine, isLeft } from "../doctor/examine.ts";
import { reportText } from "../doctor/report-text.ts";
import { toJson } from "../doctor/to-json.ts";
import { ExitWith } from "../exit-with.ts";
import { plainJson, plainLine } from "../plain-text.ts";
import { findStatePlaces } from "../survey/state-places.ts";
import { takeSurvey } from "../survey/survey.ts";

interface Options {
	readonly fix?: boolean;
	readonly dataDir: readonly string[];
	readonly minAge: number;
	readonly json?: boolean;
}

/** `cnictl doctor [--fix]` */
export function doctorCommand(plugins: PluginRegistry): Command {
	return new Command("doctor")
		.description(
			"Finds what no living container owns: links, addresses, firewall rules, records. Says how sure it is, and why. " +
				"Exits with 1 when something is left.",
		)
		.option("--fix", "remove what is surely left over, each after a second look")
		.option("-d, --data-dir <directory>", `another "ipam.dataDir" of host-local; may be repeated`, append, [])
		.option("--min-age <seconds>", "be sure of nothing younger: it may belong to an ADD or DEL under way", seconds, 60)
		.option("--json", "print JSON")
		.addHelpText("after", "\nExample:\n  cnictl doctor --fix")
		.action((options: Options) => run(options, plugins));
}

async function run({ fix = false, dataDir, minAge, json = false }: Options, plugins: PluginRegistry): Promise<void> {
	const fields = { plugin: "cnictl", command: "doctor" };
	const stderr = (line: string) => writeStderr(`${plainLine(line.trimEnd())}\n`);
	const log = createLog({ path: process.env.CNI_SUITE_LOG, traceparent: undefined, fields, stderr });
	const places = findStatePlaces({ configDirectory: configDirectoryOf(process.env), dataDirs: dataDir });
	const survey = log.step("survey", () => takeSurvey(places));
	const look = { survey, minAgeMs: minAge * 1000, plugins, log };
	const examination = await log.step("examine", () => examine(look, { fix }));
	log.flush();
	writeStdout(json ? plainJson(toJson(examination)) : reportText(examination, { fix }));
	if (isAnythingLeft(examination)) throw new ExitWith(1);
}

/** What could not be looked at may be left. */
function isAnythingLeft({ examined, blind }: Examination): boolean {
	return blind.length > 0 || examined.some(isLeft);
}

function append(value: string, before: readonly string[]): readonly string[] {
	return [...before, value];
}

function seconds(text: string): number {
	if (/^\d{1,9}$/.test(text)) return Number(text);
	throw new InvalidArgumentError("It is a number of seconds.");
}
