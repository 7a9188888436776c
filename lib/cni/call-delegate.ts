import { stat } from "../linux/files.ts";
import { askVersions } from "./ask-versions.ts";
import type { Call } from "./call.ts";
import { decodeResult } from "./decode-result.ts";
import type { Delegate, DelegateAnswer } from "./delegate.ts";
import { encodeResult } from "./encode-result.ts";
import { CniError, ErrorCode } from "./error.ts";
import { executePlugin } from "./execute.ts";
import { findPlugin, splitPath } from "./find-plugin.ts";
import { given } from "./given.ts";
import { versionTextOf } from "./network-config.ts";
import type { Plugin } from "./plugin.ts";
import { emptyResult, type Result } from "./result.ts";
import { serve } from "./serve.ts";
import { isSpecVersion, resultFamilyOf, type SpecVersion } from "./version.ts";

/** The plugin of the type `type` for the plugin that serves `call`. */
export function delegateOf(type: string, call: Call): Delegate {
	const find = once(() => locate(type, call));
	return {
		type,
		versions: once(async () => {
			const { path, own } = await find();
			return own === undefined ? versionsAt(path) : own.versions;
		}),
		isOwn: async () => (await find()).own !== undefined,
		async run(verb, { document, log = call.log } = {}) {
			const { path, own } = await find();
			const given = document === undefined ? {} : { document, stdin: JSON.stringify(document) };
			const delegated = { ...call, ...given, verb, log };
			return own === undefined ? execute(path, delegated) : await runInProcess(own, delegated);
		},
	};
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
	let made: Promise<T> | undefined;
	return () => {
		made ??= make();
		return made;
	};
}

interface Executable {
	readonly path: string;
	/** Set when the path leads to this executable. */
	readonly own: Plugin | undefined;
}

async function locate(type: string, call: Call): Promise<Executable> {
	const path = findPlugin(type, splitPath(call.environment.path));
	return { path, own: isOwnExecutable(path) ? await call.plugins.load(type) : undefined };
}

/** Whether `path` is the file that this process runs from, whichever links lead to it. */
function isOwnExecutable(path: string): boolean {
	return stat("/proc/self/exe").identity === stat(path).identity;
}

function versionsAt(path: string): readonly SpecVersion[] {
	return askVersions({ path, environment: process.env }).filter(isSpecVersion);
}

async function runInProcess(plugin: Plugin, call: Call): Promise<DelegateAnswer> {
	const { result = emptyResult, version } = await serve(plugin, call);
	return { result: () => throughVersion(result, version) };
}

/** What an executed delegate's answer would keep: 0.1.0 and 0.2.0 carry one address per family, and plain routes. */
function throughVersion(result: Result, version: SpecVersion): Result {
	if (resultFamilyOf(version) !== "legacy") return result;
	const { networkGateways } = result;
	return {
		...decodeResult(encodeResult(result, version), { assumedVersion: version }),
		...given("networkGateways", networkGateways),
	};
}

function execute(path: string, { verb, document, stdin }: Call): DelegateAnswer {
	const stdout = executePlugin({ path, environment: { ...process.env, CNI_COMMAND: verb }, stdin });
	return { result: () => decodeResult(parseAnswer(stdout), { assumedVersion: versionTextOf(document) }) };
}

function parseAnswer(stdout: string): unknown {
	try {
		return JSON.parse(stdout);
	} catch (thrown) {
		throw new CniError(ErrorCode.decodingFailure, `failed to unmarshal raw result: ${thrown}`);
	}
}
