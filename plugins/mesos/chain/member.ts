import type { Delegate } from "../../../lib/cni/delegate.ts";
import { CniError, ErrorCode, messageOf, toCniError } from "../../../lib/cni/error.ts";
import { memberOf, objectMemberOf } from "../../../lib/cni/member-of.ts";
import type { NetworkRequest } from "../../../lib/cni/plugin.ts";
import { type PluginConfig, pluginConfigOf } from "../../../lib/cni/plugin-config.ts";
import type { ChainConfig } from "./config.ts";

/** One plugin of the chain. */
export interface Member {
	/** How errors and logs call it: `plugin 2 ("portmap") of the chain`. */
	readonly title: string;
	readonly config: PluginConfig;
	readonly delegate: Delegate;
}

type Request = NetworkRequest<ChainConfig>;

/** @throws CniError code 7 when there is none, or one that cannot be read */
export function membersOf(request: Request): readonly Member[] {
	const { plugins = [] } = request.config;
	if (plugins.length === 0) {
		throw new CniError(ErrorCode.invalidNetworkConfig, "Cannot run the chain: it has no plugins", {
			details: `"plugins" takes a list as in a .conflist: [{"type": "bridge", …}, {"type": "portmap", …}]`,
		});
	}
	return plugins.map((_, index) => readMember(request, index));
}

/** Those that can be read, for DEL: it must not leave them alone because of others. */
export function readableMembersOf(request: Request): readonly Member[] {
	return (request.config.plugins ?? []).flatMap((_, index) => {
		try {
			return [readMember(request, index)];
		} catch (thrown) {
			request.log.warn(`Ignored in the configuration: ${messageOf(thrown)}`);
			return [];
		}
	});
}

function readMember(request: Request, index: number): Member {
	const value = request.config.plugins?.[index];
	const place = `plugin ${index + 1}`;
	let config: PluginConfig;
	try {
		config = pluginConfigOf(value);
	} catch (thrown) {
		throw named(`${place} of the chain`, thrown);
	}
	const title = `${place} ("${config.type}") of the chain`;
	// Both would keep their results under the same name.
	if (config.type === "chain") {
		throw new CniError(ErrorCode.invalidNetworkConfig, `${title}: a chain cannot be part of a chain`, {
			details: "Put its plugins into the outer list, in its place",
		});
	}
	return { title, config: withArgs(config, request), delegate: request.delegate(config.type) };
}

/** What the runtime says in `args` is for every member; it stands beside what a member's own configuration says. */
function withArgs(config: PluginConfig, { document }: Request): PluginConfig {
	const args = memberOf(document, "args");
	if (args === undefined) return config;
	const own = objectMemberOf(config.document, "args");
	return { ...config, document: { ...config.document, args: { ...own, ...(args as object) } } };
}

/** Runs a step of the member; its error says whose it is, and keeps its code. */
export async function inMember<T>({ title }: Member, step: () => Promise<T>): Promise<T> {
	try {
		return await step();
	} catch (thrown) {
		throw named(title, thrown);
	}
}

function named(title: string, thrown: unknown): CniError {
	const { code, message, details } = toCniError(thrown);
	return new CniError(code, `${title}: ${message}`, { details, cause: thrown });
}
