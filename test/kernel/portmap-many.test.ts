import { expect, it } from "@jest/globals";
import { runPlugin } from "../support/run-plugin.ts";
import { keptByPortMaps, leftovers } from "../support/world.ts";
import {
	addPorts,
	type Backend,
	backends,
	createContainer,
	createPortmapNetwork,
	portmapCall,
} from "./portmap-network.ts";

/** A range of ports, as media servers have them. */
const mappingsOf = (count: number) =>
	Array.from({ length: count }, (_, index) => ({
		hostPort: 20_000 + index,
		containerPort: 20_000 + index,
		protocol: "udp",
	}));

it.each(backends)("400 ports are mapped, checked and deleted in a few seconds: $name", (backend) => {
	// It took 25 seconds with iptables, when every rule was held against every other one.
	useAll(400, { backend, timeoutMs: 8000 });
});

const nftables = backends.filter(({ name }) => name === "nftables");

it.each(nftables)("5000 ports are one transaction, for which a socket has no room at first: $name", (backend) => {
	useAll(5000, { backend });
});

/** ADD, CHECK, which has `timeoutMs`, and DEL. */
function useAll(count: number, { backend, timeoutMs }: { backend: Backend; timeoutMs?: number }): void {
	const { world } = createPortmapNetwork();
	const mappings = mappingsOf(count);
	try {
		const container = createContainer(world, 2);
		addPorts(world, { container, mappings, backend });
		const call = portmapCall(world, { container, mappings, backend });
		const check = { ...call, command: "CHECK", ...(timeoutMs !== undefined && { timeoutMs }) } as const;
		expect(runPlugin(check)).toMatchObject({ exitCode: 0, stdout: "" });
		expect(runPlugin({ ...call, command: "DEL" })).toMatchObject({ exitCode: 0, stdout: "" });
		expect(leftovers(world, { except: keptByPortMaps }).filter((line) => /2\d\d\d\d/.test(line))).toEqual([]);
	} finally {
		world.dispose();
	}
}
