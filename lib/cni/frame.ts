import { stat } from "../linux/files.ts";
import { isOwnNamespace } from "../linux/netns.ts";
import type { PluginRegistry } from "./call.ts";
import { delegateOf } from "./call-delegate.ts";
import type { CommonConfig } from "./common-keys.ts";
import { encodeResult, formatJson } from "./encode-result.ts";
import { type CniEnvironment, readEnvironment } from "./environment.ts";
import { CniError, ErrorCode, messageOf, toCniError } from "./error.ts";
import { createLog, type Log } from "./log.ts";
import { networkNameOf, parseDocument, versionTextOf } from "./network-config.ts";
import type { Plugin } from "./plugin.ts";
import { serve } from "./serve.ts";
import { createShared } from "./shared.ts";
import type { Verb } from "./verb.ts";
import { latestVersion } from "./version.ts";

/** What the frame needs of the process; the executable passes the real one. */
export interface Host {
	readonly variables: Readonly<Record<string, string | undefined>>;
	/** Release of the suite, shown to a person who starts a plugin by hand. */
	readonly release: string;
	readonly plugins: PluginRegistry;
	readStdin(): Uint8Array;
	writeStdout(text: string): void;
	/** Never throws. */
	writeStderr(text: string): void;
}

/**
 * Answers one call of a plugin as the specification says: result or error object on stdout.
 *
 * @returns the exit code
 */
export async function runPlugin<Config extends CommonConfig>(plugin: Plugin<Config>, host: Host): Promise<number> {
	const { stdout, exitCode } = await answer(plugin, host);
	try {
		host.writeStdout(stdout);
		return exitCode;
	} catch (thrown) {
		// What an ADD made stays: a runtime that got no answer calls DEL.
		const { message } = toCniError(thrown);
		host.writeStderr(`${plugin.type}: Cannot write the answer to stdout: ${message}. It was: ${stdout}\n`);
		return exitCode || 1;
	}
}

interface Answer {
	/** Empty for a command that has no result. */
	readonly stdout: string;
	readonly exitCode: number;
}

async function answer<Config extends CommonConfig>(plugin: Plugin<Config>, host: Host): Promise<Answer> {
	let version = "";
	try {
		const environment = readEnvironment(host.variables);
		if (environment.command === "") {
			host.writeStderr(helpText(plugin, host));
			return { stdout: "", exitCode: 0 };
		}
		if (environment.command === "VERSION") {
			return { stdout: `${JSON.stringify(versionAnswer(plugin, host))}\n`, exitCode: 0 };
		}
		const stdin = readStdin(host);
		const document = parseDocument(stdin);
		const network = networkNameOf(document);
		const verb = verbOf(environment.command);
		version = versionTextOf(document);
		refuseOwnNamespace(verb, environment);

		const log = openLog(plugin, { environment, host, verb, network });
		try {
			using sharing = createShared();
			const { shared } = sharing;
			const call = {
				verb,
				environment,
				stdin: () => stdin,
				document,
				network,
				plugins: host.plugins,
				delegate: delegateOf,
				executable: ownExecutable(),
				shared,
				log,
			};
			const served = await log.step(verb, () => serve(plugin, call));
			const stdout = served.result === undefined ? "" : formatJson(encodeResult(served.result, served.version));
			return { stdout, exitCode: 0 };
		} finally {
			log.flush();
		}
	} catch (thrown) {
		return { stdout: formatJson(errorAnswer(thrown, version)), exitCode: 1 };
	}
}

/** Asked at most once, and by nobody who does not delegate. */
function ownExecutable(): () => string {
	let identity: string | undefined;
	return () => {
		identity ??= stat("/proc/self/exe").identity;
		return identity;
	};
}

function helpText<Config extends CommonConfig>(plugin: Plugin<Config>, host: Host): string {
	return (
		`CNI ${plugin.type} plugin ${host.release}\n` + `CNI protocol versions supported: ${plugin.versions.join(", ")}\n`
	);
}

/** Echoes the caller's `cniVersion` where there is one; what else is on stdin does not matter. */
function versionAnswer<Config extends CommonConfig>(plugin: Plugin<Config>, host: Host): Record<string, unknown> {
	return { cniVersion: callersVersion(host) || latestVersion, supportedVersions: plugin.versions };
}

function callersVersion(host: Host): string {
	try {
		return versionTextOf(parseDocument(host.readStdin()));
	} catch {
		return "";
	}
}

function readStdin(host: Host): Uint8Array {
	try {
		return host.readStdin();
	} catch (thrown) {
		const reason = messageOf(thrown);
		throw new CniError(ErrorCode.ioFailure, `error reading from stdin: ${reason}`, { cause: thrown });
	}
}

const verbs: readonly string[] = ["ADD", "CHECK", "DEL", "GC", "STATUS"] satisfies Verb[];

function verbOf(command: string): Verb {
	if (!verbs.includes(command)) {
		throw new CniError(ErrorCode.invalidEnvironment, `unknown CNI_COMMAND: ${command}`);
	}
	return command as Verb;
}

/**
 * A sandbox that is the host's own namespace would have the host's interfaces reconfigured. The reference looks only
 * after it has done so.
 */
function refuseOwnNamespace(verb: Verb, { netns, netnsOverride }: CniEnvironment): void {
	if ((verb !== "ADD" && verb !== "DEL") || netnsOverride) return;
	let same: boolean | undefined;
	try {
		same = isOwnNamespace(netns);
	} catch (thrown) {
		throw new CniError(ErrorCode.invalidNetns, "get plugin's netns failed", { details: String(thrown), cause: thrown });
	}
	if (same) {
		throw new CniError(ErrorCode.invalidNetns, "plugin's netns and netns from CNI_NETNS should not be the same", {
			details: `CNI_NETNS is "${netns}". Pass the namespace of the container, or set CNI_NETNS_OVERRIDE=1`,
		});
	}
}

interface LogScope {
	readonly environment: CniEnvironment;
	readonly host: Host;
	readonly verb: Verb;
	readonly network: string;
}

function openLog<Config extends CommonConfig>(
	plugin: Plugin<Config>,
	{ environment, host, verb, network }: LogScope,
): Log {
	return createLog({
		path: host.variables.CNI_SUITE_LOG,
		traceparent: host.variables.TRACEPARENT,
		fields: {
			plugin: plugin.type,
			command: verb,
			network,
			containerId: environment.containerId,
			ifName: environment.ifName,
		},
		stderr: host.writeStderr,
	});
}

function errorAnswer(thrown: unknown, version: string): Record<string, unknown> {
	const { code, message, details } = toCniError(thrown);
	return {
		...(version === "" ? {} : { cniVersion: version }),
		code,
		msg: message,
		...(details === "" ? {} : { details }),
	};
}
