import { statSync } from "node:fs";
import type { Call } from "./call.ts";
import { decodeResult } from "./decode-result.ts";
import { encodeResult } from "./encode-result.ts";
import { CniError, ErrorCode } from "./error.ts";
import { findPlugin, splitPath } from "./find-plugin.ts";
import type { Ipam } from "./ipam.ts";
import { versionTextOf } from "./network-config.ts";
import type { Plugin, Verb } from "./plugin.ts";
import type { Result } from "./result.ts";
import { serve } from "./serve.ts";
import { resultFamilyOf, type SpecVersion } from "./version.ts";

/**
 * The IPAM plugin of the type `type` for the plugin that serves `call`: same configuration, same environment, another
 * verb. Where CNI_PATH leads to this very executable, the plugin runs in this process; otherwise it is executed.
 */
export function delegateIpam(type: string, call: Call): Ipam {
	const run = async (verb: Verb): Promise<Result | undefined> => {
		const path = findPlugin(type, splitPath(call.environment.path));
		const own = isOwnExecutable(path) ? call.plugins.load(type) : undefined;
		return own === undefined ? execute(path, { verb, call }) : await runInProcess(await own, { verb, call });
	};
	return {
		type,
		async add() {
			const result = await run("ADD");
			if (result === undefined || result.ips.length === 0) await refuseEmptyResult(() => run("DEL"));
			return result as Result;
		},
		async check() {
			await run("CHECK");
		},
		async del() {
			await run("DEL");
		},
		async gc() {
			await run("GC");
		},
		async status() {
			await run("STATUS");
		},
	};
}

/** The reference keeps what the IPAM plugin holds in this case, for good. */
async function refuseEmptyResult(release: () => Promise<unknown>): Promise<never> {
	await release();
	throw new CniError(ErrorCode.internal, "IPAM plugin returned missing IP config", {
		details: "Give the network a range of addresses, or leave out ipam for a network without addresses",
	});
}

/** Whether `path` is the file that this process runs from, whichever links lead to it. */
function isOwnExecutable(path: string): boolean {
	const own = statSync("/proc/self/exe", { bigint: true });
	const other = statSync(path, { bigint: true });
	return own.ino === other.ino && own.dev === other.dev;
}

async function runInProcess(plugin: Plugin<unknown>, { verb, call }: { verb: Verb; call: Call }) {
	const { result, version } = await serve(plugin, { ...call, verb });
	return result === undefined ? undefined : throughVersion(result, version);
}

/** What an executed delegate's answer would keep: 0.1.0 and 0.2.0 carry one address per family, and plain routes. */
function throughVersion(result: Result, version: SpecVersion): Result {
	if (resultFamilyOf(version) !== "legacy") return result;
	return decodeResult(encodeResult(result, version), { assumedVersion: version });
}

async function execute(path: string, { verb, call }: { verb: Verb; call: Call }): Promise<Result | undefined> {
	const { executePlugin } = await import("./execute.ts");
	const stdout = executePlugin({ path, environment: { ...process.env, CNI_COMMAND: verb }, stdin: call.stdin });
	if (verb !== "ADD") return undefined;
	let value: unknown;
	try {
		value = JSON.parse(stdout);
	} catch (thrown) {
		throw new CniError(ErrorCode.decodingFailure, `failed to unmarshal raw result: ${thrown}`);
	}
	return decodeResult(value, { assumedVersion: versionTextOf(call.document) });
}
