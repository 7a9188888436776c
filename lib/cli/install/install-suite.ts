import {
	copyFileSync,
	linkSync,
	lstatSync,
	mkdirSync,
	readlinkSync,
	renameSync,
	rmSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { CniError, ErrorCode } from "../../cni/error.ts";
import { Errno, errnoOf, errnoText } from "../../linux/errno.ts";
import { requireStarts } from "./require-starts.ts";
import { sameContent } from "./same-content.ts";
import { syncPath } from "./sync-path.ts";
import { agentsUnits, dhcpUnits, isUnitThere, type SystemdUnit } from "./systemd-units.ts";
import { removeAbandoned, temporaryName } from "./temporary-name.ts";

export interface InstallOptions {
	/** The directory that has the executables to copy. */
	readonly source: string;
	/** The links to make. */
	readonly pluginTypes: readonly string[];
	/** Replace files that are not ours. */
	readonly force: boolean;
	/** Where systemd looks for units; absent for none. */
	readonly unitDirectory?: string | undefined;
}

/** What was done about one file. */
export interface InstallStep {
	readonly file: string;
	readonly what: "executable" | "link" | "unit";
	readonly state: "installed" | "updated" | "unchanged" | "replaced";
	/** Where the file that was replaced is kept. */
	readonly backup?: string;
}

/** The executable of the plugins; links of this target are ours. */
const pluginExecutable = "cni-suite";
const operatorExecutable = "cnictl";

/**
 * Copies the executables `cni-suite` and `cnictl`, makes a relative link to the first for each type of plugin, and, if asked
 * to, the units of the DHCP daemon and of `cnictl agents`. Whoever starts a plugin meanwhile gets the old or the new one:
 * everything is made under a temporary name and renamed into place, the executable before the links that lead to it.
 *
 * @throws CniError before anything is changed when a name is taken by a file that is not ours, unless `force`
 */
export async function installSuite(
	directory: string,
	{ source, pluginTypes, force, unitDirectory }: InstallOptions,
): Promise<InstallStep[]> {
	try {
		mkdirSync(directory, { recursive: true, mode: 0o755 });
		removeAbandoned(directory);
		if (!force) refuseForeign(directory, pluginTypes);
		const executables = [
			await installExecutable(directory, { source, name: pluginExecutable, argv0: pluginTypes[0] ?? pluginExecutable }),
			await installExecutable(directory, { source, name: operatorExecutable, argv0: operatorExecutable }),
		];
		const links = await Promise.all(pluginTypes.map((name) => installLink(directory, name)));
		syncPath(directory);
		const units =
			unitDirectory === undefined
				? []
				: await Promise.all(
						[...dhcpUnits(directory), ...agentsUnits(directory)].map((unit) => installUnit(unitDirectory, unit)),
					);
		return [...executables, ...links, ...units];
	} catch (thrown) {
		if (thrown instanceof CniError) throw thrown;
		const reason = errnoOf(thrown) === 0 ? String(thrown) : errnoText(errnoOf(thrown));
		throw new CniError(ErrorCode.ioFailure, `Cannot install into "${directory}": ${reason}`, { cause: thrown });
	}
}

function refuseForeign(directory: string, names: readonly string[]): void {
	const foreign = names.filter((name) => stateOf(join(directory, name)) === "foreign");
	if (foreign.length === 0) return;
	throw new CniError(
		ErrorCode.internal,
		`Cannot install into "${directory}": ${foreign.map((name) => `"${name}"`).join(", ")} there is not of this suite`,
		{ details: "Nothing was changed. --force replaces it and keeps it as NAME.orig" },
	);
}

async function installExecutable(
	directory: string,
	{ source, name, argv0 }: { source: string; name: string; argv0: string },
): Promise<InstallStep> {
	const executable = join(source, name);
	const file = join(directory, name);
	const before = stateOf(file);
	if (before === "directory") throw new CniError(ErrorCode.ioFailure, `Cannot replace "${file}": it is a directory`);
	if (before !== "missing" && sameContent(executable, file)) return { file, what: "executable", state: "unchanged" };
	await replace(file, async (temporary) => {
		copyFileSync(executable, temporary);
		// Not only what a crash would leave matters: a name must not appear before the bytes that it stands for.
		syncPath(temporary, 0o755);
		await requireStarts(temporary, { directory, argv0 });
	});
	return { file, what: "executable", state: before === "missing" ? "installed" : "updated" };
}

async function installLink(directory: string, name: string): Promise<InstallStep> {
	const file = join(directory, name);
	const before = stateOf(file);
	if (before === "directory") throw new CniError(ErrorCode.ioFailure, `Cannot replace "${file}": it is a directory`);
	if (before === "ours") return { file, what: "link", state: "unchanged" };
	const backup = before === "foreign" ? keep(file) : undefined;
	await replace(file, (temporary) => symlinkSync(pluginExecutable, temporary));
	return backup === undefined
		? { file, what: "link", state: "installed" }
		: { file, what: "link", state: "replaced", backup };
}

/** Whoever has written the unit before, it stands for the same; what somebody has added belongs into a drop-in beside it. */
async function installUnit(directory: string, unit: SystemdUnit): Promise<InstallStep> {
	const file = join(directory, unit.name);
	if (isUnitThere(directory, unit)) return { file, what: "unit", state: "unchanged" };
	const before = stateOf(file);
	if (before === "directory") throw new CniError(ErrorCode.ioFailure, `Cannot replace "${file}": it is a directory`);
	const backup = before === "missing" ? undefined : keep(file);
	await replace(file, (temporary) => writeFileSync(temporary, unit.text, { mode: 0o644 }));
	return backup === undefined
		? { file, what: "unit", state: "installed" }
		: { file, what: "unit", state: "replaced", backup };
}

/** A second name for what is about to be replaced, so that the first is never missing. An older backup stays. */
function keep(file: string): string {
	const backup = `${file}.orig`;
	try {
		linkSync(file, backup);
	} catch (thrown) {
		if (errnoOf(thrown) !== Errno.EEXIST) throw thrown;
	}
	return backup;
}

/** Makes a file under a temporary name and renames it over `file`. */
async function replace(file: string, make: (temporary: string) => void | Promise<void>): Promise<void> {
	const temporary = temporaryName(file);
	try {
		await make(temporary);
		renameSync(temporary, file);
	} catch (thrown) {
		rmSync(temporary, { force: true });
		throw thrown;
	}
}

function stateOf(file: string): "missing" | "ours" | "foreign" | "directory" {
	const stat = lstatSync(file, { throwIfNoEntry: false });
	if (stat === undefined) return "missing";
	if (stat.isDirectory()) return "directory";
	return stat.isSymbolicLink() && readlinkSync(file) === pluginExecutable ? "ours" : "foreign";
}
