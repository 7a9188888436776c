import type { Command } from "commander";
import { writeStderr } from "../../linux/stdio.ts";
import { configDirectoryOf } from "../attachment-command.ts";
import { ExitWith } from "../exit-with.ts";
import { plainLine } from "../plain-text.ts";
import type { PlanQuery } from "./read-plans.ts";

export interface CommonOptions {
	readonly dataDir: readonly string[];
	readonly json?: boolean;
}

/** The options that every `cnictl ipam` command has. */
export function withCommonOptions(command: Command): Command {
	return command
		.option("-d, --data-dir <directory>", `another "ipam.dataDir" of host-local; may be repeated`, append, [])
		.option("--json", "print JSON");
}

export function append(value: string, before: readonly string[]): readonly string[] {
	return [...before, value];
}

export function queryOf({ dataDir }: CommonOptions, networks: readonly string[]): PlanQuery {
	return { configDirectory: configDirectoryOf(process.env), dataDirs: dataDir, networks };
}

/** Whether there is something to show, or it may be said that there is nothing. */
export function isAllSeen(found: readonly unknown[], blind: readonly string[]): boolean {
	return found.length > 0 || blind.length === 0;
}

/** What ends a sentence about everything. */
export function inWhatWasSeen(blind: readonly string[]): string {
	return blind.length === 0 ? "" : ", in what was seen";
}

/** What could not be looked at, for an error's details. */
export function blindDetails(blind: readonly string[]): readonly string[] {
	return blind.map((why) => `Not seen: ${why}`);
}

/** Says on stderr what could not be looked at. @throws ExitWith 1 when there is anything */
export function reportBlind(blind: readonly string[]): void {
	for (const why of blind) writeStderr(`${plainLine(`not seen: ${why}`)}\n`);
	if (blind.length > 0) throw new ExitWith(1);
}
