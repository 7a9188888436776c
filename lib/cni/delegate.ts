import { stat } from "../linux/files.ts";
import type { Call } from "./call.ts";
import { decodeResult } from "./decode-result.ts";
import { encodeResult } from "./encode-result.ts";
import { CniError, ErrorCode, errorText } from "./error.ts";
import { findPlugin, splitPath } from "./find-plugin.ts";
import type { Ipam } from "./ipam.ts";
import type { Log } from "./log.ts";
import { versionTextOf } from "./network-config.ts";
import type { Plugin, Verb } from "./plugin.ts";
import { emptyResult, type Result } from "./result.ts";
import { serve } from "./serve.ts";
import { resultFamilyOf, type SpecVersion } from "./version.ts";

/**
 * The IPAM plugin of the type `type` for the plugin that serves `call`: same configuration, same environment, another
 * verb. Where CNI_PATH leads to this very executable, the plugin runs in this process; otherwise it is executed.
 */
export function delegateIpam(type: string, call: Call): Ipam {
	const run = async (verb: Verb): Promise<ReadAnswer> => {
		const path = findPlugin(type, splitPath(call.environment.path));
		const own = isOwnExecutable(path) ? call.plugins.load(type) : undefined;
		return own === undefined ? execute(path, { verb, call }) : await runInProcess(await own, { verb, call });
	};
	return {
		type,
		async add() {
			const readAnswer = await run("ADD");
			try {
				return withAddresses(readAnswer());
			} catch (thrown) {
				// It has succeeded, and holds an address for this attachment; the reference leaves it that, for good.
				await giveBack(() => run("DEL"), call.log);
				throw thrown;
			}
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

/** The result of an ADD. @throws CniError when the plugin has printed none */
type ReadAnswer = () => Result;

function withAddresses(result: Result): Result {
	if (result.ips.length > 0) return result;
	throw new CniError(ErrorCode.internal, "IPAM plugin returned missing IP config", {
		details: "Give the network a range of addresses, or leave out ipam for a network without addresses",
	});
}

async function giveBack(release: () => Promise<unknown>, log: Log): Promise<void> {
	try {
		await release();
	} catch (thrown) {
		log.warn(`Cannot give back what the IPAM plugin holds: ${errorText(thrown)}. DEL will try again`);
	}
}

/** Whether `path` is the file that this process runs from, whichever links lead to it. */
function isOwnExecutable(path: string): boolean {
	return stat("/proc/self/exe").identity === stat(path).identity;
}

async function runInProcess(plugin: Plugin, { verb, call }: { verb: Verb; call: Call }): Promise<ReadAnswer> {
	const { result = emptyResult, version } = await serve(plugin, { ...call, verb });
	return () => throughVersion(result, version);
}

/** What an executed delegate's answer would keep: 0.1.0 and 0.2.0 carry one address per family, and plain routes. */
function throughVersion(result: Result, version: SpecVersion): Result {
	if (resultFamilyOf(version) !== "legacy") return result;
	return decodeResult(encodeResult(result, version), { assumedVersion: version });
}

async function execute(path: string, { verb, call }: { verb: Verb; call: Call }): Promise<ReadAnswer> {
	const { executePlugin } = await import("./execute.ts");
	const stdout = executePlugin({ path, environment: { ...process.env, CNI_COMMAND: verb }, stdin: call.stdin });
	return () => {
		let value: unknown;
		try {
			value = JSON.parse(stdout);
		} catch (thrown) {
			throw new CniError(ErrorCode.decodingFailure, `failed to unmarshal raw result: ${thrown}`);
		}
		return decodeResult(value, { assumedVersion: versionTextOf(call.document) });
	};
}
