import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { createDhcpNetwork, quickFlags, recordPaths, startDaemon, waitUntil } from "../support/dhcp.ts";
import { attemptIn, type Outcome, runIn } from "../support/namespace.ts";
import { distribution } from "../support/paths.ts";
import { environmentOf, mustRunPlugin, type PluginCall } from "../support/run-plugin.ts";
import { createWorld, keptByContract, type World } from "../support/world.ts";
import { unchanged } from "./crash-tests.ts";
import { type CutPoint, killEverywhere } from "./kill-everywhere.ts";

const minutes = 60_000;

/** What a server still holds, and what a daemon would go on with, a line each. */
function held(network: ReturnType<typeof createDhcpNetwork>, socketPath: string): string[] {
	return [...network.leases(), ...recordPaths(socketPath)];
}

/** The server hears of a release a moment after it was sent. */
function settle(network: ReturnType<typeof createDhcpNetwork>): void {
	try {
		waitUntil("the server", () => network.leases().length === 0, 500);
	} catch {
		// What is left is told by the test.
	}
}

describe("dhcp", () => {
	it(
		"the daemon killed anywhere in an ADD and a DEL: the next one knows what there was, and DEL gives it back",
		() => {
			using world = createWorld();
			const network = createDhcpNetwork(world);
			network.serve();
			const container = world.container();
			network.connect(container);
			const socketPath = join(world.directory, "dhcp.sock");
			const call = directCall(world, { socketPath, netns: container });
			const recover = () => {
				const daemon = startDaemon(world);
				mustRunPlugin({ ...call, command: "DEL" });
				settle(network);
				daemon.stop("SIGKILL");
			};
			const { killed, wrong } = killEverywhere({
				call: { world, command: "dhcp daemon", run: (wrapper) => serveOnce(world, { wrapper, call, socketPath }) },
				only: changesSomething,
				prepare() {},
				recover,
				verify: () => held(network, socketPath),
			});
			expect(wrong).toEqual([]);
			expect(killed).toBeGreaterThan(10);
		},
		5 * minutes,
	);

	it(
		"bridge killed anywhere after it has begun to ask: DEL restores the earlier state, and the server has its address back",
		() => {
			using world = createWorld();
			const network = createDhcpNetwork(world);
			network.serve();
			const daemon = startDaemon(world);
			network.connect(world.host, "card0");
			runIn(world.host, [
				"sh",
				"-ec",
				"ip link set card0 up; ip link add br0 type bridge; ip link set card0 master br0; ip link set br0 up",
			]);
			const container = world.container();
			const ipam = { type: "dhcp", daemonSocketPath: daemon.socketPath };
			const config = { cniVersion: "1.1.0", name: "n1", type: "bridge", bridge: "br0", ipam };
			const call = { world, type: "bridge", command: "ADD", config, netns: container };
			const differences = unchanged(world, { container, except: keptByContract });
			let asked = false;
			const { killed, wrong } = killEverywhere({
				call,
				only({ text }) {
					asked ||= text.includes("CONNECT");
					return asked;
				},
				prepare() {},
				recover() {
					mustRunPlugin({ ...call, command: "DEL" });
					settle(network);
				},
				verify: () => [...differences(), ...held(network, daemon.socketPath)],
			});
			expect(wrong).toEqual([]);
			expect(killed).toBeGreaterThan(5);
		},
		5 * minutes,
	);
});

function directCall(world: World, { socketPath, netns }: Pick<PluginCall, "netns"> & { socketPath: string }) {
	const config = {
		cniVersion: "1.1.0",
		name: "n1",
		type: "dhcp",
		ipam: { type: "dhcp", daemonSocketPath: socketPath },
	};
	return { world, type: "dhcp", config, netns, command: "ADD" } satisfies PluginCall;
}

/** What is only said, to the log or to a caller, is the same state as before it. */
function changesSomething({ syscall, text }: CutPoint): boolean {
	return !(syscall === "write" && /^[12]</.test(text)) && syscall !== "setns";
}

/** A daemon that serves one ADD and one DEL, then is told to end; its exit code. */
function serveOnce(
	world: World,
	{ wrapper, call, socketPath }: { wrapper: readonly string[]; call: PluginCall; socketPath: string },
): Outcome {
	const script = `pidfile=$1 log=$2 config=$3; shift 3; rm -f "$log"
		"$@" -pidfile "$pidfile" 2>"$log" & job=$!
		for attempt in $(seq 200); do grep -q listening "$log" 2>/dev/null && break; kill -0 $job 2>/dev/null || break; sleep 0.01; done
		for command in ADD DEL; do CNI_COMMAND=$command ${join(distribution, "dhcp")} <"$config"; done
		kill $(cat "$pidfile") 2>/dev/null; wait $job`;
	const file = (name: string) => join(world.directory, name);
	runIn(world.host, ["tee", file("config")], { input: JSON.stringify(call.config) });
	const daemon = [...wrapper, join(distribution, "dhcp"), "daemon", "-socketpath", socketPath, ...quickFlags];
	const outcome = attemptIn(
		world.host,
		["sh", "-c", script, "sh", file("pid"), file("once.log"), file("config"), ...daemon],
		{ env: environmentOf(call) },
	);
	return outcome.exitCode === 137 ? { ...outcome, exitCode: null, signal: "SIGKILL" } : outcome;
}
