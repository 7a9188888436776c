import { askVersions } from "./ask-versions.ts";
import type { Call } from "./call.ts";
import { decodeResult } from "./decode-result.ts";
import type { Delegate, DelegateAnswer } from "./delegate.ts";
import { encodeResult } from "./encode-result.ts";
import { CniError, ErrorCode } from "./error.ts";
import { executePlugin } from "./execute.ts";
import { findExecutable, splitPath } from "./find-plugin.ts";
import { given } from "./given.ts";
import { type Document, versionTextOf } from "./network-config.ts";
import type { Plugin } from "./plugin.ts";
import { emptyResult, type Result } from "./result.ts";
import { serve } from "./serve.ts";
import { isSpecVersion, latestVersion, resultFamilyOf, type SpecVersion } from "./version.ts";

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
		async run(verb, { document, prevResult, log = call.log } = {}) {
			const { path, own } = await find();
			const given = document === undefined ? {} : configurationOf(document, prevResult);
			const delegated = { ...call, ...given, verb, log };
			return own === undefined ? execute(path, delegated) : await runInProcess(own, delegated);
		},
	};
}

/** A configuration of the caller's making; its text is for executables. */
function configurationOf(document: Document, prevResult: Result | undefined): Partial<Call> {
	const stdin = () => {
		const version = versionTextOf(document);
		const encoded =
			prevResult === undefined ? undefined : encodeResult(prevResult, isSpecVersion(version) ? version : latestVersion);
		return JSON.stringify(encoded === undefined ? document : { ...document, prevResult: encoded });
	};
	return { document, prevResult, stdin };
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
	let made: Promise<T> | undefined;
	return () => {
		made ??= make();
		return made;
	};
}

interface Located {
	readonly path: string;
	/** Set when the path leads to this executable. */
	readonly own: Plugin | undefined;
}

async function locate(type: string, call: Call): Promise<Located> {
	const { path, identity } = findExecutable(type, splitPath(call.environment.path));
	return { path, own: identity === call.executable() ? await call.plugins.load(type) : undefined };
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
	const stdout = executePlugin({ path, environment: { ...process.env, CNI_COMMAND: verb }, stdin: stdin() });
	return { result: () => decodeResult(parseAnswer(stdout), { assumedVersion: versionTextOf(document) }) };
}

function parseAnswer(stdout: string): unknown {
	try {
		return JSON.parse(stdout);
	} catch (thrown) {
		throw new CniError(ErrorCode.decodingFailure, `failed to unmarshal raw result: ${thrown}`);
	}
}
