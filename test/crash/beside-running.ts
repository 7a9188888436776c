import { deleteNamespace, runIn } from "../support/namespace.ts";
import { mustRunPlugin } from "../support/run-plugin.ts";
import type { World } from "../support/world.ts";
import { type Scenario, unchanged } from "./crash-tests.ts";

/** Beside host-local's reservations: the cursor, and the index, which may be stale or missing without harm. */
export const advisory = [
	/^[+-] file n1\/last_reserved_ip\.\d+ /,
	/^[+-] directory \.cni-suite(\/n1(\/\w+)?)?$/,
	/^[+-] file \.cni-suite\/n1\/(stamp|cooling|taken\/[^/]+|owners\/[^/]+) /,
];

export interface MainPlugin {
	readonly type: string;
	/** Keys of the configuration beside `ipam`. */
	readonly keys?: object;
	/** Those of the running container, where they differ. */
	readonly runningKeys?: object;
	/** By default a range of IPv4. */
	readonly subnets?: readonly string[];
	/** Whether what it makes ends with the container's namespace: before GC, that ends. */
	readonly endsWithContainer?: boolean;
}

/** A plugin that makes an interface, with addresses of host-local, beside a running container of the same network. */
export function besideRunning(
	world: World,
	{ type, keys = {}, runningKeys = keys, subnets = ["10.60.0.0/24"], endsWithContainer = false }: MainPlugin,
): Scenario {
	const ipam = { type: "host-local", dataDir: world.dataDir, ranges: subnets.map((subnet) => [{ subnet }]) };
	const config = { cniVersion: "1.1.0", name: "n1", type, ipam };
	const running = { world, type, netns: world.container(), containerId: "running" };
	mustRunPlugin({ ...running, command: "ADD", config: { ...config, ...runningKeys } });
	const container = world.container();
	return {
		call: { world, type, netns: container, containerId: "killed", config: { ...config, ...keys } },
		verify: unchanged(world, { container, except: advisory }),
		running: ["running"],
		collect(gc) {
			if (endsWithContainer) deleteNamespace(container);
			gc();
			if (!endsWithContainer) return;
			runIn(world.host, ["ip", "netns", "add", container.name]);
			runIn(container, ["ip", "link", "set", "lo", "up"]);
		},
	};
}
