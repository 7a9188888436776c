import type { Delegate, DelegateAnswer } from "../../../lib/cni/delegate.ts";
import { encodeResult } from "../../../lib/cni/encode-result.ts";
import { memberOf } from "../../../lib/cni/member-of.ts";
import { versionTextOf } from "../../../lib/cni/network-config.ts";
import type { AddRequest, NetworkRequest } from "../../../lib/cni/plugin.ts";
import type { PluginConfig } from "../../../lib/cni/plugin-config.ts";
import { pluginRequest } from "../../../lib/cni/plugin-request.ts";
import type { Result } from "../../../lib/cni/result.ts";
import type { Verb } from "../../../lib/cni/verb.ts";
import { isSpecVersion, type SpecVersion, unsetVersion, versionAtLeast } from "../../../lib/cni/version.ts";
import { capabilityArgsOf } from "../../../lib/mesos/capability-args.ts";
import type { NetworkInfo } from "../../../lib/mesos/network-info.ts";
import type { MapperConfig } from "./config.ts";
import { inLongStep, inStep, MapperError } from "./error.ts";

type Request = NetworkRequest<MapperConfig>;

export interface DelegateCall {
	readonly verb: Verb;
	readonly config: PluginConfig;
	/** For a delegate that declares capabilities. */
	readonly networkInfo?: NetworkInfo | undefined;
	readonly prevResult?: Result | undefined;
	/** Further keys of its configuration. */
	readonly extra?: Readonly<Record<string, unknown>>;
}

/** Calls the plugin that makes the interface. @throws CniError code 102 */
export async function callDelegate(request: Request, call: DelegateCall): Promise<DelegateAnswer> {
	const { verb, config } = call;
	const delegate = request.delegate(config.type);
	const prefix = `The delegate plugin '${config.type}' failed`;
	return await inLongStep({ code: MapperError.delegate, prefix }, async () => {
		const document = await documentFor(request, { call, delegate });
		return await request.log.step(`${verb} ${config.type}`, () => delegate.run(verb, { document }));
	});
}

/** ADD of the delegate, with its undo. @throws CniError code 102 */
export async function addDelegate(
	request: AddRequest<MapperConfig>,
	{ config, networkInfo }: Pick<DelegateCall, "config" | "networkInfo">,
): Promise<Result> {
	let result: Result | undefined;
	const undo = () =>
		request.rollback.push(`ADD of ${config.type}`, async () => {
			await callDelegate(request, { verb: "DEL", config, networkInfo, prevResult: result });
		});
	const own = await isOwn(request, config);
	// An executed plugin may have failed half way, and is owed a DEL.
	if (!own) undo();
	const answer = await callDelegate(request, { verb: "ADD", config, networkInfo });
	if (own) undo();
	const prefix = `The delegate plugin '${config.type}' failed`;
	result = inStep({ code: MapperError.delegate, prefix }, () => answer.result());
	return result;
}

/** GC and STATUS came with version 1.1.0: whether the delegate serves it. One that cannot be asked does not. */
export async function servesNewVerbs(request: Request, { type }: PluginConfig): Promise<boolean> {
	return await request
		.delegate(type)
		.versions()
		.then(
			(versions) => versions.includes("1.1.0"),
			() => false,
		);
}

async function isOwn(request: Request, { type }: PluginConfig): Promise<boolean> {
	const prefix = `Could not find the delegate plugin '${type}' in '${process.env.CNI_PATH ?? ""}'`;
	return await inLongStep({ code: MapperError.config, prefix }, () => request.delegate(type).isOwn());
}

async function documentFor(
	request: Request,
	{ call, delegate }: { call: DelegateCall; delegate: Delegate },
): Promise<Record<string, unknown>> {
	const { verb, config, networkInfo, prevResult, extra } = call;
	const version = await versionFor(request, { verb, config, delegate });
	const known = version === "" ? unsetVersion : version;
	const carries = prevResult !== undefined && isSpecVersion(known) && versionAtLeast(known, "0.3.0");
	const { cniVersion, ...document } = pluginRequest(config, {
		name: request.network,
		cniVersion: version,
		prevResult: carries ? encodeResult(prevResult, known) : undefined,
		capabilityArgs: networkInfo === undefined ? {} : capabilityArgsOf(networkInfo, request.document),
		extra: { ...argsOf(request), ...extra },
	});
	// A plugin of old days takes a missing version for the first one, and may not understand an empty one.
	return version === "" ? document : { ...document, cniVersion };
}

/** `args` are the runtime's: they take the place of what the delegate's configuration says. */
function argsOf({ document }: Request): Record<string, unknown> {
	const args = memberOf(document, "args");
	return args === undefined ? {} : { args };
}

/**
 * A plugin of this suite runs in the newest version; what it answers is told again in our caller's. Any other gets the
 * version that its configuration says, or that of our caller, mostly none: it may be a script that has never heard of
 * versions.
 */
async function versionFor(
	{ document }: Request,
	{ verb, config, delegate }: { verb: Verb; config: PluginConfig; delegate: Delegate },
): Promise<string> {
	if (await delegate.isOwn()) return (await delegate.versions()).at(-1) ?? unsetVersion;
	const newVerb: SpecVersion | undefined = verb === "GC" || verb === "STATUS" ? "1.1.0" : undefined;
	return newVerb ?? (config.cniVersion || versionTextOf(document));
}
