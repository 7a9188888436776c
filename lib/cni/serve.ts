import type { Call } from "./call.ts";
import type { CommonConfig } from "./common-keys.ts";
import { decodeResult } from "./decode-result.ts";
import { encodeResult } from "./encode-result.ts";
import { annotate, CniError, ErrorCode, errorText } from "./error.ts";
import { ipamOf } from "./ipam.ts";
import { type Document, validAttachmentsOf, versionTextOf } from "./network-config.ts";
import type { AttachmentRequest, NetworkRequest, Plugin } from "./plugin.ts";
import type { Result } from "./result.ts";
import { createRollback } from "./rollback.ts";
import { decodeDocument, type Schema, SchemaError } from "./schema.ts";
import { resultFamilyOf, type SpecVersion } from "./version.ts";
import { negotiateVersion } from "./version-gate.ts";

export interface Served {
	readonly version: SpecVersion;
	/** Of ADD. */
	readonly result: Result | undefined;
}

/** Decodes the configuration, checks the version, and runs the verb; a failed ADD is rolled back. @throws CniError */
export async function serve<Config extends CommonConfig>(plugin: Plugin<Config>, call: Call): Promise<Served> {
	const { verb, log } = call;
	const version = negotiateVersion(versionTextOf(call.document), { verb, supported: plugin.versions });
	const request = log.step("decode", () => decodeRequest(plugin, { call, version }));
	switch (verb) {
		case "ADD":
			return { version, result: await add(plugin, request) };
		case "CHECK":
			await plugin.check(request);
			break;
		case "DEL":
			await plugin.del(request);
			break;
		case "GC":
			await gc(plugin, { request, call });
			break;
		case "STATUS":
			await plugin.status(request);
			break;
	}
	return { version, result: undefined };
}

async function add<Config extends CommonConfig>(
	plugin: Plugin<Config>,
	request: AttachmentRequest<Config>,
): Promise<Result> {
	const rollback = createRollback();
	try {
		return await plugin.add({ ...request, rollback });
	} catch (thrown) {
		await rollback.undoAll(request.log);
		throw thrown;
	}
}

/**
 * Without a list nothing is collected: cnitool, which sends none, has deleted what it knew of, and cannot speak for the
 * other runtimes of the host.
 */
async function gc<Config extends CommonConfig>(
	plugin: Plugin<Config>,
	{ request, call }: { request: NetworkRequest<Config>; call: Call },
): Promise<void> {
	const validAttachments = validAttachmentsOf(call.document);
	if (validAttachments !== undefined) await plugin.gc({ ...request, validAttachments });
}

function decodeRequest<Config extends CommonConfig>(
	plugin: Plugin<Config>,
	{ call, version }: { call: Call; version: SpecVersion },
): AttachmentRequest<Config> {
	const { verb, environment, document, network, log } = call;
	// DEL takes what it can use: an attachment must go even when its configuration was spoilt meanwhile.
	const tolerate =
		verb === "DEL" ? (problem: SchemaError) => log.warn(`Ignored in the configuration: ${problem.message}`) : undefined;
	const config = decode(plugin.schema, document, tolerate);
	return {
		config,
		network,
		cniVersion: version,
		document,
		stdin: call.stdin,
		ipam: config.ipam?.type ? ipamOf(call.delegate(config.ipam.type, call), log) : undefined,
		delegate: (type) => call.delegate(type, call),
		shared: call.shared,
		log,
		containerId: environment.containerId,
		ifName: environment.ifName,
		netns: environment.netns,
		args: environment.args,
		prevResult: prevResultOf(config, { call, version }),
	};
}

function decode<T>(schema: Schema<T>, document: Document, tolerate?: (problem: SchemaError) => void): T {
	try {
		return decodeDocument(schema, document, tolerate);
	} catch (thrown) {
		if (!(thrown instanceof SchemaError)) throw thrown;
		throw new CniError(ErrorCode.decodingFailure, `failed to load netconf: ${thrown.message}`, {
			details: "`cnictl validate FILE` checks a configuration file",
		});
	}
}

function prevResultOf(
	config: CommonConfig,
	{ call, version }: { call: Call; version: SpecVersion },
): Result | undefined {
	const { prevResult } = call;
	if (prevResult === undefined) return decodePrevResult(config.prevResult, { call, version });
	// From 1.0.0 on a result can say everything; before, the plugin is told what an executable would be.
	if (resultFamilyOf(version) === "current") return prevResult;
	return decodeResult(encodeResult(prevResult, version), { assumedVersion: version });
}

/** Runtimes of versions before 0.4.0 pass none on DEL; one that cannot be read must not keep DEL from its work. */
function decodePrevResult(
	value: unknown,
	{ call: { verb, log }, version }: { call: Call; version: SpecVersion },
): Result | undefined {
	if (value === undefined || value === null || verb === "GC" || verb === "STATUS") return undefined;
	if (typeof value !== "object" && verb !== "DEL") {
		throw new CniError(ErrorCode.decodingFailure, "failed to parse config: prevResult must be an object");
	}
	try {
		return annotate("could not parse prevResult", () =>
			decodeResult(value, { assumedVersion: version, sameFamily: true }),
		);
	} catch (thrown) {
		if (verb !== "DEL") throw thrown;
		log.warn(`Ignored in the configuration: ${errorText(thrown)}`);
		return undefined;
	}
}
