import type { NetworkAttachment } from "../../cni/attachment-tag.ts";
import { CniError, ErrorCode } from "../../cni/error.ts";
import { decodeDocument } from "../../cni/schema.ts";
import { createShared } from "../../cni/shared.ts";
import { latestVersion } from "../../cni/version.ts";
import type { Look } from "./finding.ts";

export interface DelCall {
	readonly type: string;
	readonly attachment: NetworkAttachment;
	/** The keys that DEL needs to find what it has kept. */
	readonly config: Readonly<Record<string, unknown>>;
}

/** DEL of one of our plugins in this process, as a runtime calls it that knows neither namespace nor result. @throws CniError */
export async function callDel({ plugins, log }: Look, { type, attachment, config }: DelCall): Promise<void> {
	const plugin = await plugins.load(type);
	if (plugin === undefined)
		throw new CniError(ErrorCode.internal, `Cannot call "${type}": it is no plugin of this suite`);
	using sharing = createShared();
	const document = { cniVersion: latestVersion, name: attachment.network, type, ...config };
	await plugin.del({
		...attachment,
		config: decodeDocument(plugin.schema, document),
		cniVersion: latestVersion,
		document,
		stdin: () => JSON.stringify(document),
		netns: "",
		args: "",
		prevResult: undefined,
		ipam: undefined,
		delegate(other) {
			throw new CniError(ErrorCode.internal, `Cannot call "${other}" for "${type}": nothing is to be attached`);
		},
		shared: sharing.shared,
		log,
	});
}
