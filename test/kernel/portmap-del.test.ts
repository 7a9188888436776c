import { afterEach, beforeEach, expect, it } from "@jest/globals";
import { attemptIn, runIn } from "../support/namespace.ts";
import { distribution } from "../support/paths.ts";
import { environmentOf, mustRunPlugin, type PluginCall } from "../support/run-plugin.ts";
import { keptByPortMaps, leftovers } from "../support/world.ts";
import {
	addPorts,
	type Container,
	createContainer,
	createPortmapNetwork,
	type PortmapNetwork,
	portmapCall,
} from "./portmap-network.ts";

const mappings = [
	{ hostPort: 8080, containerPort: 80, protocol: "tcp" },
	{ hostPort: 5300, containerPort: 53, protocol: "udp", hostIP: "192.0.2.1" },
];

let network: PortmapNetwork;
let container: Container;
beforeEach(() => {
	network = createPortmapNetwork();
	container = createContainer(network.world, 2);
});
afterEach(() => network.world.dispose());

/** In a mount namespace of its own, where /run cannot be written. */
function runWithoutRun(call: PluginCall) {
	const script = 'mkdir -p /run/cni-suite && mount -t tmpfs -o ro none /run/cni-suite && exec "$0"';
	return attemptIn(network.world.host, ["unshare", "-m", "sh", "-c", script, `${distribution}/${call.type}`], {
		input: JSON.stringify(call.config),
		env: environmentOf(call),
	});
}

it("DEL removes what it is told of, and everything, where /run cannot be written or what was kept there is lost", () => {
	const { world } = network;
	addPorts(world, { container, mappings });
	const since = leftovers(world, { except: keptByPortMaps });
	expect(since.join("\n")).toContain("8080");
	const call = portmapCall(world, { container, mappings });
	const bare = { ...call, config: { cniVersion: "1.1.0", name: "ports", type: "portmap" } };
	expect(runWithoutRun({ ...bare, command: "DEL" })).toMatchObject({ exitCode: 0, stdout: "" });
	expect(leftovers(world, { except: keptByPortMaps }).filter((line) => /nft (map|set)/.test(line))).toEqual([]);
});

it("ADD where /run cannot be written changes nothing and says why", () => {
	const { world } = network;
	const before = leftovers(world);
	const outcome = runWithoutRun({ ...portmapCall(world, { container, mappings }), command: "ADD" });
	expect(outcome.exitCode).toBe(1);
	expect(JSON.parse(outcome.stdout)).toMatchObject({
		code: 5,
		msg: expect.stringMatching(/^Cannot lock "\/run\/cni-suite\/firewall\/\d+\/lock": .*read-only file system$/),
	});
	expect(leftovers(world)).toEqual(before);
});

it("DEL of a container without ports, on a host that has none, makes no files", () => {
	const { world } = network;
	mustRunPlugin({ ...portmapCall(world, { container, mappings: [] }), command: "DEL" });
	expect(attemptIn(world.host, ["ls", world.firewallRecords]).exitCode).not.toBe(0);
});

it("DEL looks elements up by their keys, and lists no map", () => {
	const { world } = network;
	addPorts(world, { container, mappings });
	const call: PluginCall = { ...portmapCall(world, { container, mappings }), command: "DEL" };
	const trace = `${world.directory}/trace`;
	mustRunPlugin({ ...call, wrapper: ["strace", "-f", "-qq", "-o", trace, "-e", "trace=sendto"] });
	const requests = runIn(world.host, ["cat", trace]);
	expect(requests).toMatch(/NFT_MSG_GETSETELEM, nlmsg_flags=NLM_F_REQUEST,/);
	expect(requests).not.toMatch(/NFT_MSG_GETSETELEM, nlmsg_flags=NLM_F_REQUEST\|NLM_F_DUMP/);
});
