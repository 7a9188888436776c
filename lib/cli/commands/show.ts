import { Command } from "commander";
import { writeStdout } from "../../linux/stdio.ts";
import { configDirectoryOf } from "../attachment-command.ts";
import { plainJson } from "../plain-text.ts";
import { checkClaims } from "../show/check-claims.ts";
import { collectClaims } from "../show/claims.ts";
import { detailsOf } from "../show/details.ts";
import { findAttachments } from "../show/find-attachments.ts";
import type { ShownAttachment } from "../show/shown-attachment.ts";
import { tableOf } from "../show/table.ts";
import { toJson } from "../show/to-json.ts";
import { findStatePlaces } from "../survey/state-places.ts";
import { takeSurvey } from "../survey/survey.ts";

interface Options {
	readonly dataDir: readonly string[];
	readonly json?: boolean;
}

/** `cnictl show [ATTACHMENT]` */
export function showCommand(): Command {
	return new Command("show")
		.description(
			"Shows every attachment on this host: what is recorded of it, held against the kernel. With ATTACHMENT, all of one.",
		)
		.argument("[attachment]", "container id or the beginning of one, ID/INTERFACE, or an address")
		.option("-d, --data-dir <directory>", `another "ipam.dataDir" of host-local; may be repeated`, append, [])
		.option("--json", "print JSON")
		.addHelpText("after", "\nExample:\n  cnictl show 10.22.0.2")
		.action((attachment: string | undefined, options: Options) => run(attachment, options));
}

function append(value: string, before: readonly string[]): readonly string[] {
	return [...before, value];
}

async function run(wanted: string | undefined, { dataDir, json = false }: Options): Promise<void> {
	const places = findStatePlaces({ configDirectory: configDirectoryOf(process.env), dataDirs: dataDir });
	const survey = takeSurvey(places);
	const all: ShownAttachment[] = [];
	for (const claims of await collectClaims(survey)) all.push(checkClaims(claims, survey));
	const attachments = wanted === undefined ? all : findAttachments(all, wanted);
	writeStdout(
		json ? plainJson({ attachments: attachments.map(toJson) }) : textOf(attachments, { wanted, now: survey.takenAt }),
	);
}

function textOf(
	attachments: readonly ShownAttachment[],
	{ wanted, now }: { wanted: string | undefined; now: number },
): string {
	if (wanted !== undefined) return attachments.map((each) => detailsOf(each, now)).join("\n");
	return attachments.length === 0 ? "Nothing is attached on this host\n" : tableOf(attachments, now);
}
