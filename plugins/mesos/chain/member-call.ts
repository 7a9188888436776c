import type { DelegateAnswer } from "../../../lib/cni/delegate.ts";
import type { Log } from "../../../lib/cni/log.ts";
import { pluginRequest } from "../../../lib/cni/plugin-request.ts";
import type { Result } from "../../../lib/cni/result.ts";
import type { Verb } from "../../../lib/cni/verb.ts";
import type { SpecVersion } from "../../../lib/cni/version.ts";
import { inMember, type Member } from "./member.ts";

/** What every member of a chain is told in one verb. */
export interface Round {
	readonly verb: Verb;
	/** Of the network. */
	readonly network: string;
	readonly version: SpecVersion;
	readonly capabilityArgs?: Readonly<Record<string, unknown>>;
	/** Further keys of the configuration: `cni.dev/…`. */
	readonly extra?: Readonly<Record<string, unknown>>;
	readonly log: Log;
}

/** @throws CniError of the member, which names it */
export async function callMember(
	member: Member,
	{ verb, network, version, capabilityArgs = {}, extra, log }: Round,
	prevResult?: Result,
): Promise<DelegateAnswer> {
	const document = pluginRequest(member.config, {
		name: network,
		cniVersion: version,
		capabilityArgs,
		extra,
	});
	const warn = (message: string) => log.warn(`${member.title}: ${message}`);
	return await log.step(`${verb} ${member.title}`, () =>
		inMember(member, () => member.delegate.run(verb, { document, prevResult, log: { ...log, warn } })),
	);
}
