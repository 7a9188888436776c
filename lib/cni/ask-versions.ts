import { CniError, ErrorCode, toCniError } from "./error.ts";
import { executePlugin } from "./execute.ts";
import { latestVersion } from "./version.ts";

/**
 * The versions that an executable says it serves: the VERSION command. A plugin from before that command serves 0.1.0.
 *
 * @throws CniError
 */
export function askVersions({
	path,
	environment,
}: {
	path: string;
	environment: Readonly<Record<string, string | undefined>>;
}): readonly string[] {
	try {
		const stdin = JSON.stringify({ cniVersion: latestVersion });
		return decodeVersions(executePlugin({ path, environment: { ...environment, ...probeEnvironment }, stdin }));
	} catch (thrown) {
		if (toCniError(thrown).message === "unknown CNI_COMMAND: VERSION") return ["0.1.0"];
		throw thrown;
	}
}

/** Old plugins insist upon variables that VERSION has no use for. */
const probeEnvironment = {
	CNI_COMMAND: "VERSION",
	CNI_NETNS: "dummy",
	CNI_IFNAME: "dummy",
	CNI_PATH: "dummy",
	CNI_CONTAINERID: "",
	CNI_ARGS: "",
};

function decodeVersions(stdout: string): readonly string[] {
	const { cniVersion, supportedVersions: supported } = parseObject(stdout);
	if (typeof cniVersion !== "string" || cniVersion === "") throw undecodable("missing field cniVersion");
	if (Array.isArray(supported) && supported.length > 0) return supported.map(String);
	if (cniVersion === "0.2.0") return ["0.1.0", "0.2.0"];
	throw undecodable("missing field supportedVersions");
}

function parseObject(stdout: string): Readonly<Record<string, unknown>> {
	try {
		const value: unknown = JSON.parse(stdout);
		if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
	} catch {
		// The text below serves both.
	}
	throw undecodable(`it is no JSON object: ${JSON.stringify(stdout.slice(0, 200))}`);
}

function undecodable(problem: string): CniError {
	return new CniError(ErrorCode.decodingFailure, `decoding version info: ${problem}`);
}
