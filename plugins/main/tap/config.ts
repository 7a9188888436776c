import { requestedMac } from "../../../lib/attachment/requested-mac.ts";
import { parseArgs } from "../../../lib/cni/args.ts";
import { commonKeys } from "../../../lib/cni/common-keys.ts";
import { CniError, ErrorCode } from "../../../lib/cni/error.ts";
import type { AttachmentRequest } from "../../../lib/cni/plugin.ts";
import { boolean, type Infer, integer, object, required, string } from "../../../lib/cni/schema.ts";

/** The keys of a tap network; docs/plugins/tap.md explains each. */
export const tapSchema = required(
	object({
		...commonKeys,
		multiQueue: boolean(false),
		mtu: integer(0),
		mac: string(""),
		owner: integer(),
		group: integer(),
		selinuxContext: string(""),
		bridge: string(""),
		runtimeConfig: object({ mac: string() }),
	}),
);

export type TapConfig = Infer<typeof tapSchema>;

/** A tap network as the plugin acts on it: validated, defaults filled in. */
export interface TapSettings {
	readonly multiQueue: boolean;
	/** Bytes; undefined for the kernel's default. */
	readonly mtu: number | undefined;
	readonly mac: string | undefined;
	/** User and group id of who may open it. */
	readonly owner: number | undefined;
	readonly group: number | undefined;
	/** SELinux label of the device; undefined for that of the plugin. */
	readonly selinuxContext: string | undefined;
	/** In the container's namespace. */
	readonly bridge: string | undefined;
}

/** @throws CniError code 7, or 4 for CNI_ARGS */
export function parseSettings({ config, args }: Pick<AttachmentRequest<TapConfig>, "config" | "args">): TapSettings {
	const { multiQueue, mtu, owner, group, selinuxContext, bridge } = config;
	const mac = config.runtimeConfig?.mac || parseArgs(args, ["MAC"]).get("MAC") || config.mac;
	return {
		multiQueue,
		mtu: mtu > 0 ? mtu : undefined,
		mac: requestedMac(mac, (text) => `invalid args ${text} for MAC addr`),
		owner: requireId("owner", owner),
		group: requireId("group", group),
		selinuxContext: selinuxContext === "" ? undefined : selinuxContext,
		bridge: bridge === "" ? undefined : bridge,
	};
}

/** The kernel takes the largest number for nobody. */
const noId = 2 ** 32 - 1;

function requireId(key: string, id: number | undefined): number | undefined {
	if (id === undefined || (id >= 0 && id < noId)) return id;
	throw new CniError(ErrorCode.invalidNetworkConfig, `invalid ${key} ${id}`, {
		details: `"${key}" is a numeric id from 0 to ${noId - 1}`,
	});
}
