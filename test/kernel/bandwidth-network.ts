import { createHash } from "node:crypto";
import { jsonIn, type Namespace } from "../support/namespace.ts";
import { type Command, mustRunPlugin, type PluginCall, type PluginOutcome, runPlugin } from "../support/run-plugin.ts";
import type { World } from "../support/world.ts";
import { type Attachment, attachment, bridgeNetwork, type Config, type PrintedResult } from "./bridge-network.ts";

/** An interface on a bridge, and bandwidth behind it in the list. */
export interface LimitedAttachment {
	readonly bridge: Attachment;
	readonly container: Namespace;
	readonly address: string;
	/** The host's end of the veth pair. */
	readonly port: string;
	/** ADD of both plugins, which must succeed. */
	add(): PrintedResult;
	/** Any verb of bandwidth, which may fail; CHECK and DEL get the result of ADD as prevResult. */
	run(command: Command, changed?: Partial<PluginCall>): PluginOutcome;
	/** The same, which must succeed. */
	must(command: Command, changed?: Partial<PluginCall>): PrintedResult | undefined;
	/** DEL of both plugins, in reverse. */
	remove(): void;
	readonly call: Omit<PluginCall, "command" | "config"> & { readonly config: Config };
}

export interface LimitedOptions {
	/** The keys of bandwidth. */
	readonly limits: Config;
	readonly containerId?: string;
	readonly ifName?: string;
	readonly container?: Namespace;
	readonly cniVersion?: string;
	/** Where bandwidth's executable is. */
	readonly cniPath?: string;
}

export function limitedAttachment(world: World, options: LimitedOptions): LimitedAttachment {
	const { limits, containerId = "container-1", ifName = "eth0", cniVersion = "1.1.0", cniPath } = options;
	const bridge = attachment(world, {
		config: bridgeNetwork(world, { config: { isDefaultGateway: ifName === "eth0", cniVersion } }),
		containerId,
		ifName,
		...(options.container === undefined ? {} : { netns: options.container }),
	});
	const call = {
		world,
		type: "bandwidth",
		netns: bridge.container,
		containerId,
		ifName,
		config: { cniVersion, name: "n1", type: "bandwidth", ...limits },
		...(cniPath === undefined ? {} : { cniPath }),
	};
	let last: PrintedResult | undefined;
	const withResult = (command: Command, changed: Partial<PluginCall>): PluginCall => {
		const prevResult = command === "ADD" ? bridge.result : last;
		return { ...call, command, config: { ...call.config, ...(prevResult && { prevResult }) }, ...changed };
	};
	const must = (command: Command, changed: Partial<PluginCall> = {}) => {
		const result = mustRunPlugin<PrintedResult | undefined>(withResult(command, changed));
		if (command === "ADD") last = result;
		return result;
	};
	return {
		bridge,
		call,
		container: bridge.container,
		get address() {
			return bridge.result.ips?.[0]?.address.split("/")[0] ?? "";
		},
		get port() {
			return bridge.port;
		},
		add() {
			bridge.add();
			return must("ADD") as PrintedResult;
		},
		run: (command, changed = {}) => runPlugin(withResult(command, changed)),
		must,
		remove() {
			must("DEL");
			bridge.must("DEL");
		},
	};
}

/** The reference's name of the ifb device. */
export function ifbName(hashed: string): string {
	return `bwp${createHash("sha512").update(hashed).digest("hex")}`.slice(0, 15);
}

/** A discipline as `tc -j qdisc` shows it. */
export interface ShownQdisc {
	readonly kind: string;
	readonly handle: string;
	readonly dev: string;
	readonly root?: boolean;
	/** Rate in bytes/s, sizes in bytes. */
	readonly options: { readonly rate?: number; readonly burst?: number; readonly lat?: number; readonly limit?: number };
}

export function shownQdiscs(namespace: Namespace, dev: string): readonly ShownQdisc[] {
	return jsonIn<ShownQdisc[]>(namespace, ["tc", "-j", "qdisc", "show", "dev", dev]);
}

/** The links to which what `dev` receives is redirected. */
export function redirections(namespace: Namespace, dev: string): readonly string[] {
	const filters = jsonIn<{ options?: { actions?: { kind: string; to_dev?: string }[] } }[]>(namespace, [
		"tc",
		"-j",
		"filter",
		"show",
		"dev",
		dev,
		"parent",
		"ffff:",
	]);
	return filters.flatMap(({ options }) => options?.actions ?? []).flatMap(({ to_dev }) => to_dev ?? []);
}
