import { decodeResult } from "../decode-result.ts";
import { encodeResult } from "../encode-result.ts";
import { CniError, ErrorCode } from "../error.ts";
import { goJsonKindOf } from "../go-type-of.ts";
import { JsonError, parseJson } from "../json/parse-json.ts";
import type { Result } from "../result.ts";
import { isSpecVersion, resultFamilyOf, type SpecVersion, unsetVersion } from "../version.ts";

/**
 * A result between plugins: in the version in which its plugin answered, which is not always the network's. It is
 * handed on, cached and printed in that version, as libcni does.
 */
export interface RecordedResult {
	readonly version: SpecVersion;
	readonly result: Result;
}

/**
 * Reads what a plugin printed on ADD; without a version of its own the result has the network's. `null` is an empty
 * result.
 *
 * @throws CniError code 6
 */
export function parseRecordedResult(stdout: string, networkVersion: string): RecordedResult {
	return recordedResultOf(parseBody(stdout), networkVersion);
}

/** @throws CniError as {@link parseRecordedResult} */
export function recordedResultOf(body: Readonly<Record<string, unknown>>, networkVersion: string): RecordedResult {
	const result = decodeResult(body, { assumedVersion: networkVersion });
	const stated = body.cniVersion || networkVersion || unsetVersion;
	return { result, version: typeof stated === "string" && isSpecVersion(stated) ? stated : unsetVersion };
}

/** The result as JSON in its own version. */
export function encodeRecordedResult({ result, version }: RecordedResult): Record<string, unknown> {
	if (result.ips.length > 0 || resultFamilyOf(version) !== "legacy") return encodeResult(result, version);
	// No result can be converted to the oldest versions without an address, but a plugin may answer so by itself.
	return { cniVersion: version, dns: encodeResult(result, "0.4.0").dns };
}

/** The result as JSON in another version. @throws CniError when it cannot be expressed, or nobody knows the version */
export function convertRecordedResult(recorded: RecordedResult, version: string): Record<string, unknown> {
	const target = version === "" ? unsetVersion : version;
	if (target === recorded.version) return encodeRecordedResult(recorded);
	if (isSpecVersion(target)) return encodeResult(recorded.result, target);
	throw new CniError(ErrorCode.decodingFailure, `no converter for CNI result version ${recorded.version} to ${target}`);
}

function parseBody(stdout: string): Record<string, unknown> {
	let body: unknown;
	try {
		body = parseJson(stdout);
	} catch (thrown) {
		if (thrown instanceof JsonError) throw unreadable(thrown.message);
		throw thrown;
	}
	if (body === null) return {};
	if (typeof body === "object" && !Array.isArray(body)) return body as Record<string, unknown>;
	throw unreadable(`json: cannot unmarshal ${goJsonKindOf(body)} into Go value of type map[string]interface {}`);
}

function unreadable(problem: string): CniError {
	return new CniError(ErrorCode.decodingFailure, `failed to unmarshal raw result: ${problem}`);
}
