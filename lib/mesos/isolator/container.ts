import type { ContainerId } from "../container-id.ts";
import type { NetworkInfoMessage } from "../network-info-message.ts";
import type { PluginResult } from "./plugin-result.ts";

/** A container on networks of CNI. */
export interface Container {
	readonly id: ContainerId;
	/** In the order in which the framework named them; at least one. */
	readonly networks: readonly ContainerNetwork[];
}

export interface ContainerNetwork {
	readonly name: string;
	/** `eth0`, `eth1`, … */
	readonly ifName: string;
	/** What the framework asks for. */
	readonly info: NetworkInfoMessage;
	/** What ADD has answered; undefined before, and after a recovery that found none. */
	result: PluginResult | undefined;
}
