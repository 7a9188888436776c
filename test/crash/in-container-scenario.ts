import { mustRunPlugin } from "../support/run-plugin.ts";
import { takeSnapshot } from "../support/snapshot.ts";
import { leftovers, snapshotOf, type World } from "../support/world.ts";
import { advisory, leftoversIn } from "./bridge-scenario.ts";

/** A plugin that makes an interface in the container alone, beside a running container of the same network. */
export function inContainerScenario(world: World, { type, extra = {} }: { type: string; extra?: object }) {
	const ipam = { type: "host-local", dataDir: world.dataDir, ranges: [[{ subnet: "10.43.0.0/24" }]] };
	const config = { cniVersion: "1.1.0", name: "n1", type, ...extra, ipam };
	mustRunPlugin({ world, type, command: "ADD", config, netns: world.container(), containerId: "running" });
	const container = world.container();
	const call = { world, type, config, netns: container, containerId: "killed" };
	const [since, empty] = [snapshotOf(world), takeSnapshot(container)];
	return {
		call,
		recover: () => mustRunPlugin({ ...call, command: "DEL" }),
		verify: () => [...leftovers(world, { since, except: advisory }), ...leftoversIn(container, empty)],
	};
}
