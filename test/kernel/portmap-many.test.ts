import { expect, it } from "@jest/globals";
import { runPlugin } from "../support/run-plugin.ts";
import { keptByPortMaps, leftovers } from "../support/world.ts";
import { addPorts, backends, createContainer, createPortmapNetwork, portmapCall } from "./portmap-network.ts";

/** A range of ports, as media servers have them. */
const mappings = Array.from({ length: 400 }, (_, index) => ({
	hostPort: 20_000 + index,
	containerPort: 20_000 + index,
	protocol: "udp",
}));

it.each(backends)("400 ports are mapped, checked and deleted in a few seconds: $name", (backend) => {
	const { world } = createPortmapNetwork();
	try {
		const container = createContainer(world, 2);
		addPorts(world, { container, mappings, backend });
		const call = portmapCall(world, { container, mappings, backend });
		// It took 25 seconds with iptables, when every rule was held against every other one.
		expect(runPlugin({ ...call, command: "CHECK", timeoutMs: 8000 })).toMatchObject({ exitCode: 0, stdout: "" });
		expect(runPlugin({ ...call, command: "DEL" })).toMatchObject({ exitCode: 0, stdout: "" });
		expect(leftovers(world, { except: keptByPortMaps }).filter((line) => /20\d\d\d/.test(line))).toEqual([]);
	} finally {
		world.dispose();
	}
});
