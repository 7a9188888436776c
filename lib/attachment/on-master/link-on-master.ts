import type { AttachmentRequest, Plugin } from "../../cni/plugin.ts";
import type { Result } from "../../cni/result.ts";
import type { Link } from "../../netlink/link.ts";
import type { NewUpperLink } from "../../netlink/upper-link.ts";
import type { Message } from "../../netlink/wire/message.ts";
import type { OwnInterface } from "../describe-interface.ts";
import type { OnMasterConfig } from "./keys.ts";

/**
 * What a plugin says of itself whose attachment is one interface on top of a master (macvlan, ipvlan, vlan). All the
 * rest is the same for each of them: `plugin-on-master.ts`.
 */
export interface LinkOnMaster<Config extends OnMasterConfig> extends Pick<Plugin<Config>, "schema"> {
	/** The type of the plugin, and the kernel's kind of link. */
	readonly kind: string;
	/**
	 * What of the configuration is the kind's own.
	 *
	 * @throws CniError code 7, or 4 for CNI_ARGS
	 */
	settings(request: SettingsRequest<Config>): OwnSettings;
}

/** `args` and `prevResult` are empty for STATUS. */
export interface SettingsRequest<Config>
	extends Pick<AttachmentRequest<Config>, "config" | "args" | "ipam" | "prevResult"> {
	/** ADD: `prevResult` is of the plugin before this one in the list, and not its own. */
	readonly adding: boolean;
}

/** What a kind has of its own, validated, with defaults filled in. */
export interface OwnSettings {
	/** Which interface is the master where the configuration names none. */
	readonly unnamedMaster: Master;
	/** Absent for one that the kernel chooses. */
	readonly mac?: string | undefined;
	/** Addresses and routes that need no IPAM. */
	readonly given?: Result | undefined;
	/** The request that creates the link. */
	create(link: NewUpperLink): Message;
	/** What CHECK compares beside the interface: what the kind has of its own. @throws CniError */
	verify(link: Link): void;
}

/** An interface of that name, or that of the default route, or one that nobody can know at this time. */
export type Master = { readonly name: string } | "of-default-route" | "unknown";

export interface OnMasterSettings extends Omit<OwnSettings, "unnamedMaster"> {
	/** Also the kernel's kind of link. */
	readonly kind: string;
	readonly master: Master;
	/** Whether the master is in the container, and not on the host. */
	readonly masterInContainer: boolean;
	/** Bytes; 0 for the master's. */
	readonly mtu: number;
}

/** Everything that a plugin acts on. @throws CniError as `own.settings` does */
export function settingsOf<Config extends OnMasterConfig>(
	own: LinkOnMaster<Config>,
	request: SettingsRequest<Config>,
): OnMasterSettings {
	const { master, linkInContainer, mtu } = request.config;
	const { unnamedMaster, ...settings } = own.settings(request);
	return {
		...settings,
		kind: own.kind,
		master: master === "" ? unnamedMaster : { name: master },
		masterInContainer: linkInContainer,
		mtu,
	};
}

/** What these say of the container's interface, for its description. */
export function ownInterface({ kind, mac, mtu }: OnMasterSettings, name: string): OwnInterface {
	return { name, kind, mac, mtu: mtu > 0 ? mtu : undefined };
}
