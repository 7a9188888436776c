import { type SpecVersion, versionAtLeast } from "../../lib/cni/version.ts";
import { attemptIn, type Namespace, runIn } from "./namespace.ts";
import type { World } from "./world.ts";

/**
 * Connects the container to the bridge `br0` of the world as another plugin would have, unless it is connected already,
 * and returns the result of that plugin
 * in a version. Addresses follow from the container's name.
 */
export function connectByHand(world: World, container: Namespace, version: SpecVersion = "1.1.0") {
	const number = Number(/-(\d+)$/.exec(container.name)?.[1]);
	const tail = `${number >> 8}.${number & 255}`;
	const port = `vp${number}`;
	const mac = `02:00:00:00:${hex(number >> 8)}:${hex(number & 255)}`;
	const addresses = [`10.9.${tail}/16`, `fd09::${number.toString(16)}:1/64`];
	if (attemptIn(world.host, ["ip", "link", "show", "br0"]).exitCode !== 0) {
		runIn(world.host, ["sh", "-ec", "ip link add br0 type bridge; ip link set br0 up"]);
	}
	if (attemptIn(container, ["ip", "link", "show", "eth0"]).exitCode !== 0) {
		const create = `ip link add ${port} type veth peer name eth0 address ${mac} netns ${container.name}`;
		runIn(world.host, ["sh", "-ec", `${create}; ip link set ${port} master br0 up`]);
		const give = addresses.map((address) => `ip address add ${address} dev eth0 nodad`).join("; ");
		runIn(container, ["sh", "-ec", `ip link set eth0 up; ${give}`]);
	}
	const [ip4, ip6] = addresses.map((ip) => ({ ip }));
	if (!versionAtLeast(version, "0.3.0")) return { cniVersion: version, ip4, ip6 };
	return {
		cniVersion: version,
		interfaces: [{ name: "br0" }, { name: port }, { name: "eth0", mac, sandbox: container.path }],
		ips: addresses.map((address) => ({
			...(versionAtLeast(version, "1.0.0") ? {} : { version: address.includes(":") ? "6" : "4" }),
			address,
			interface: 2,
		})),
	};
}

function hex(number: number): string {
	return number.toString(16).padStart(2, "0");
}
