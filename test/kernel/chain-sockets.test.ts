import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "@jest/globals";
import { groupsBase } from "../support/groups-base.ts";
import { createWorld, keptByPortMaps, leftovers, type World } from "../support/world.ts";
import { bridgeMember, chainNetwork, keptByChain } from "./chain-network.ts";

let world: World;

beforeEach(() => {
	world = createWorld();
});
afterEach(() => {
	world.dispose();
});

/** The network of a task of Mesos, in a group and with a port, whose connections to the outside are masqueraded. */
function taskNetwork() {
	const port_mappings = [{ host_port: 8080, container_port: 80 }];
	const members = [{ type: "portmap", capabilities: { portMappings: true } }, { type: "groups" }];
	return chainNetwork(world, {
		plugins: [bridgeMember(world, { ipMasq: true }), ...members],
		args: { "org.apache.mesos": { network_info: { groups: ["shop"], port_mappings } } },
	});
}

it("members share what they have open: a socket in the container, one on its host, and one to the firewall", () => {
	const network = taskNetwork();
	const container = world.container();
	const trace = join(world.directory, "trace");
	const wrapper = ["strace", "-f", "-e", "trace=socket", "-o", trace];
	expect(network.run("ADD", { netns: container, wrapper })).toMatchObject({ exitCode: 0, stderr: "" });
	const opened = readFileSync(trace, "utf8").match(/(?<=socket\(AF_NETLINK, .*, )NETLINK_\w+/g);
	expect(opened?.sort()).toEqual(["NETLINK_NETFILTER", "NETLINK_ROUTE", "NETLINK_ROUTE"]);
	expect(network.run("CHECK", { netns: container, with: { cniVersion: "1.0.0" } })).toMatchObject({ exitCode: 0 });
	expect(network.run("DEL", { netns: container })).toMatchObject({ exitCode: 0, stderr: "" });
	expect(leftovers(world, { except: [...keptByChain, ...keptByPortMaps, ...groupsBase] })).toEqual([]);
});
