import { CniError, ErrorCode, errorText, toCniError } from "../error.ts";
import { type Attachment, sameAttachment } from "../plugin.ts";
import { attachmentKeys } from "../plugin-request.ts";
import { callPlugin } from "./call-plugin.ts";
import { delNetwork } from "./del-network.ts";
import type { NetworkList } from "./network-list.ts";
import { listCachedAttachments } from "./result-cache.ts";
import type { Runtime } from "./runtime.ts";
import { servesAt } from "./serves-at.ts";

/**
 * Takes away what no valid attachment owns: a DEL for each stale attachment in the cache, whatever the version, then
 * GC to every plugin from version 1.1.0 on. Errors do not stop it; they are thrown together.
 *
 * Without `validAttachments` every cached attachment is stale, and plugins are not told of any list.
 *
 * @throws CniError one line for each failure
 */
export function gcNetwork(
	runtime: Runtime,
	{ network, validAttachments }: { network: NetworkList; validAttachments?: readonly Attachment[] },
): void {
	if (network.disableGc) return;
	const failures = [
		...deleteStale(runtime, { network, validAttachments: validAttachments ?? [] }),
		...(servesAt(network.cniVersion, "1.1.0") ? callPlugins(runtime, { network, validAttachments }) : []),
	];
	if (failures.length === 0) return;
	const code = failures[0]?.code ?? ErrorCode.internal;
	throw new CniError(code, failures.map(errorText).join("\n"), { cause: failures[0]?.cause });
}

function deleteStale(
	runtime: Runtime,
	{ network, validAttachments }: { network: NetworkList; validAttachments: readonly Attachment[] },
): CniError[] {
	return listCachedAttachments(runtime.cacheDirectory)
		.filter(({ networkName }) => networkName === network.name)
		.filter((cached) => !validAttachments.some((valid) => sameAttachment(valid, cached)))
		.flatMap((attachment) =>
			failureOf(`failed to delete stale attachment ${attachment.containerId} ${attachment.ifName}`, () =>
				delNetwork(runtime, { network, attachment }),
			),
		);
}

function callPlugins(
	runtime: Runtime,
	{ network, validAttachments }: { network: NetworkList; validAttachments: readonly Attachment[] | undefined },
): CniError[] {
	const extra = validAttachments === undefined ? {} : attachmentKeys(validAttachments);
	return network.plugins.flatMap((plugin) =>
		failureOf(`failed to GC plugin ${plugin.type}`, () => callPlugin(runtime, { verb: "GC", network, plugin, extra })),
	);
}

function failureOf(what: string, action: () => void): CniError[] {
	try {
		action();
		return [];
	} catch (thrown) {
		const { code, message, details } = toCniError(thrown);
		return [new CniError(code, `${what}: ${message}`, { details, cause: thrown })];
	}
}
