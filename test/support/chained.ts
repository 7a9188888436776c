import { attemptIn, type Namespace, runIn } from "./namespace.ts";
import type { World } from "./world.ts";

/**
 * Makes what a plugin before would have made for a container, and returns its result, in a form that every version of
 * the specification reads. Made once for each container, which gets the next number of the network.
 */
export function attachByHand(
	world: World,
	container: Namespace,
	{ ifName = "eth0", number = 2 }: { ifName?: string; number?: number } = {},
): Record<string, unknown> {
	const bridge = "cst-chained";
	const { v4, v6 } = { v4: `10.50.0.${number}/24`, v6: `fd50::${number}/64` };
	if (attemptIn(world.host, ["ip", "link", "show", bridge]).exitCode !== 0) {
		runIn(world.host, ["sh", "-c", bridgeScript(bridge)]);
	}
	const present = attemptIn(container, ["ip", "link", "show", ifName]).exitCode === 0;
	if (!present) {
		// Nobody here has the address already, and the first packet is not to wait until that is certain.
		for (const namespace of [world.host, container]) {
			runIn(namespace, ["sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0"]);
		}
		const port = `cst-p${number}`;
		runIn(world.host, ["ip", "link", "add", port, "type", "veth", "peer", "name", ifName, "netns", container.name]);
		runIn(world.host, ["ip", "link", "set", port, "master", bridge, "up"]);
		runIn(world.host, ["bridge", "link", "set", "dev", port, "hairpin", "on"]);
		runIn(container, ["ip", "address", "add", v4, "dev", ifName]);
		runIn(container, ["ip", "address", "add", v6, "dev", ifName, "nodad"]);
		runIn(container, ["ip", "link", "set", ifName, "up"]);
		runIn(container, ["ip", "route", "add", "default", "via", "10.50.0.1"]);
		runIn(container, ["ip", "route", "add", "default", "via", "fd50::1"]);
	}
	return {
		ip4: { ip: v4, gateway: "10.50.0.1" },
		ip6: { ip: v6, gateway: "fd50::1" },
		interfaces: [{ name: bridge }, { name: ifName, sandbox: container.path }],
		ips: [
			{ version: "4", address: v4, gateway: "10.50.0.1", interface: 1 },
			{ version: "6", address: v6, gateway: "fd50::1", interface: 1 },
		],
	};
}

function bridgeScript(bridge: string): string {
	return [
		`ip link add ${bridge} type bridge`,
		`ip address add 10.50.0.1/24 dev ${bridge}`,
		`ip address add fd50::1/64 dev ${bridge} nodad`,
		`ip link set ${bridge} up`,
		"sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1",
	].join("\n");
}
