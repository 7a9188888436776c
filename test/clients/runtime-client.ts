import { spawnSync } from "node:child_process";
import {
	existsSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	statSync,
	symlinkSync,
	truncateSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { distribution, root, systemPath, tools } from "../support/paths.ts";

/** The executables that speak for the runtime side, ours and the reference; CNICTL and CNITOOL name others. */
export const cnictl = process.env.CNICTL ?? join(distribution, "cnictl");
export const cnitool = process.env.CNITOOL ?? join(tools, "cnitool");

/** What a command did. */
export interface Observation {
	readonly exitCode: number | null;
	readonly stdout: string;
	readonly stderr: string;
	/** How plugins were called during it, in order. */
	readonly calls: readonly PluginCall[];
	/** The result cache after it: content by file name. */
	readonly cache: Readonly<Record<string, unknown>>;
}

export interface PluginCall {
	readonly type: string;
	readonly command: string;
	readonly env: Readonly<Record<string, string>>;
	readonly stdin: Readonly<Record<string, unknown>>;
}

/** A machine as the runtime side sees it: configurations, plugins that record, and a /var/lib/cni of its own. */
export interface RuntimeClient extends Disposable {
	readonly directory: string;
	readonly configDirectory: string;
	readonly pluginDirectory: string;
	/** The folder that stands in for /var/lib/cni. */
	readonly cacheDirectory: string;
	/** Writes a configuration (an object as JSON) below the configuration directory. */
	write(name: string, content: unknown): void;
	remove(name: string): void;
	run(args: readonly string[], env?: Readonly<Record<string, string>>): Observation;
	/** The same with another executable on the same machine. */
	runWith(executable: string, args: readonly string[]): Observation;
	/** Cuts a file of the result cache in half. */
	damageCache(name: string): void;
}

/** @param executable cnictl or cnitool */
export function createRuntimeClient(executable: string): RuntimeClient {
	if (!existsSync(executable))
		throw new Error(`Cannot run "${executable}": no such file. bin/test builds and installs it`);
	const directory = mkdtempSync(join(tmpdir(), `cst-${process.pid}-runtime-`));
	const configDirectory = join(directory, "net.d");
	const pluginDirectory = join(directory, "plugins");
	const stateDirectory = join(directory, "state");
	const cacheDirectory = join(stateDirectory, "cni");
	const log = join(directory, "calls");
	for (const path of [configDirectory, pluginDirectory, stateDirectory]) mkdirSync(path);
	for (const type of ["rec", "other"]) {
		symlinkSync(join(root, "test/fixtures/recording-plugin.mjs"), join(pluginDirectory, type));
	}
	const execute = (
		program: string,
		{ args, env }: { args: readonly string[]; env: Readonly<Record<string, string>> },
	): Observation => {
		rmSync(log, { force: true });
		// In a mount namespace of its own, with our folder in the place of /var/lib: both programs know no other.
		const command = [
			"-m",
			"/bin/sh",
			"-c",
			'mount --bind "$0" /var/lib && exec "$@"',
			stateDirectory,
			program,
			...args,
		];
		const { status, stdout, stderr } = spawnSync("/usr/bin/unshare", command, {
			env: { PATH: systemPath, REC_LOG: log, CNI_PATH: pluginDirectory, NETCONFPATH: configDirectory, ...env },
			encoding: "utf8",
		});
		return { exitCode: status, stdout, stderr, calls: readCalls(log), cache: readCache(cacheDirectory) };
	};
	return {
		directory,
		configDirectory,
		pluginDirectory,
		cacheDirectory,
		write(name, content) {
			const path = join(configDirectory, name);
			mkdirSync(dirname(path), { recursive: true });
			writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
		},
		remove: (name) => rmSync(join(configDirectory, name), { recursive: true }),
		run: (args, env = {}) => execute(executable, { args, env }),
		runWith: (other, args) => execute(other, { args, env: {} }),
		damageCache(name) {
			const path = join(cacheDirectory, "results", name);
			truncateSync(path, Math.floor(statSync(path).size / 2));
		},
		[Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
	};
}

function readCalls(log: string): PluginCall[] {
	if (!existsSync(log)) return [];
	const lines = readFileSync(log, "utf8").trimEnd().split("\n");
	return lines.map((line) => JSON.parse(line) as PluginCall);
}

function readCache(cacheDirectory: string): Record<string, unknown> {
	const results = join(cacheDirectory, "results");
	if (!existsSync(results)) return {};
	const entries = readdirSync(results).map((name) => [name, decode(readFileSync(join(results, name), "utf8"))]);
	return Object.fromEntries(entries);
}

function decode(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return text;
	}
}
