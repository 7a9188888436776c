import type { Namespace } from "../support/namespace.ts";
import { type Command, mustRunPlugin, type PluginOutcome, runPlugin } from "../support/run-plugin.ts";
import type { World } from "../support/world.ts";
import { type Config, hostLocal, type PrintedResult } from "./bridge-network.ts";

/** A network of bridge, portmap where ports are given, and groups. */
export interface GroupsNetwork {
	/** Attaches a new container. */
	attach(options?: MemberOptions): Member;
}

export interface MemberOptions {
	/** Over the keys of groups. */
	readonly config?: Config;
	readonly groups?: readonly string[];
	readonly portMappings?: readonly Config[];
	/** Stops before groups, as an ADD that is under way. */
	readonly unregistered?: boolean;
}

export interface Member {
	readonly container: Namespace;
	readonly containerId: string;
	readonly ip4: string;
	readonly ip6: string;
	readonly mac: string;
	/** The host's end. */
	readonly port: string;
	readonly result: PrintedResult;
	/** Any verb of groups. */
	run(command: Command, config?: Config): PluginOutcome;
	/** The DEL of the whole list. */
	detach(): void;
}

export interface GroupsNetworkOptions {
	readonly name?: string;
	readonly bridge?: string;
	readonly subnets?: readonly string[];
	/** Over the keys of groups. */
	readonly config?: Config;
	/** Over the keys of bridge. */
	readonly bridgeConfig?: Config;
}

export function groupsNetwork(
	world: World,
	{
		name = "n1",
		bridge = "br0",
		subnets = ["10.1.2.0/24", "fd01:2::/64"],
		config = {},
		bridgeConfig = {},
	}: GroupsNetworkOptions = {},
): GroupsNetwork {
	const common = { cniVersion: "1.1.0", name };
	let count = 0;
	return {
		attach({ config: own = {}, groups, portMappings = [], unregistered = false } = {}) {
			const container = world.container();
			const containerId = `${name}-c${++count}`;
			const last = { type: "groups", ...config, ...(groups === undefined ? {} : { groups }), ...own };
			const plugins: Config[] = [
				{
					type: "bridge",
					bridge,
					isDefaultGateway: true,
					ipam: hostLocal(world, subnets),
					...bridgeConfig,
				},
				...(portMappings.length === 0 ? [] : [{ type: "portmap", runtimeConfig: { portMappings } }]),
				...(unregistered ? [] : [last]),
			];
			const call = (plugin: Config, command: Command, more: Config = {}) => ({
				world,
				type: String(plugin.type),
				command,
				config: { ...common, ...plugin, ...more },
				netns: container,
				containerId,
			});
			let prevResult: PrintedResult | undefined;
			for (const plugin of plugins) {
				prevResult = mustRunPlugin<PrintedResult>(call(plugin, "ADD", prevResult === undefined ? {} : { prevResult }));
			}
			const result = prevResult as PrintedResult;
			const [ip4 = "", ip6 = ""] = (result.ips ?? []).map(({ address }) => address.replace(/\/.*/, ""));
			return {
				container,
				containerId,
				ip4,
				ip6,
				mac: result.interfaces.find(({ sandbox }) => sandbox !== undefined)?.mac ?? "",
				port: result.interfaces[1]?.name ?? "",
				result,
				run: (command, more = {}) => runPlugin(call(last, command, { prevResult: result, ...more })),
				detach() {
					for (const plugin of plugins.toReversed()) mustRunPlugin(call(plugin, "DEL", { prevResult: result }));
				},
			};
		},
	};
}
