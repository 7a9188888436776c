import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { type Namespace, runIn } from "../support/namespace.ts";
import { sctpAsk, serveSctp } from "../support/sctp.ts";
import { httpGet, serve, udpAsk } from "../support/traffic.ts";
import {
	addPorts,
	backends,
	type Container,
	createContainer,
	createPortmapNetwork,
	deletePorts,
	type Mapping,
	type PortmapNetwork,
} from "./portmap-network.ts";

const mappings: readonly Mapping[] = [
	{ hostPort: 8080, containerPort: 80, protocol: "tcp" },
	{ hostPort: 5300, containerPort: 53, protocol: "udp" },
	{ hostPort: 3868, containerPort: 3869, protocol: "sctp" },
];

let network: PortmapNetwork;
let container: Container;
let sibling: Container;
beforeEach(() => {
	network = createPortmapNetwork();
	container = createContainer(network.world, 2);
	sibling = createContainer(network.world, 3);
});
afterEach(() => network.world.dispose());

const get = (from: Namespace, address: string, port = 8080) =>
	httpGet(from, `http://${address.includes(":") ? `[${address}]` : address}:${port}/`);

/** From whom connections come, to which addresses of the host, and what the container takes for their source. */
function paths(): readonly (readonly [string, Namespace, string, string])[] {
	const { world, outside } = network;
	return [
		["another host", outside, "192.0.2.1", "192.0.2.9"],
		["another host, IPv6", outside, "2001:db8::1", "2001:db8::9"],
		["the host's own address", world.host, "192.0.2.1", "192.0.2.1"],
		["the host's own IPv6 address", world.host, "2001:db8::1", "2001:db8::1"],
		["the host's localhost", world.host, "127.0.0.1", "10.50.0.1"],
		["the container itself", container.namespace, "192.0.2.1", "10.50.0.1"],
		["the container itself, IPv6", container.namespace, "2001:db8::1", "fd50::1"],
		["a sibling", sibling.namespace, "192.0.2.1", "10.50.0.1"],
		["a sibling, IPv6", sibling.namespace, "2001:db8::1", "fd50::1"],
		["a sibling, through the gateway", sibling.namespace, "10.50.0.1", "10.50.0.1"],
	];
}

describe.each(backends)("packets through $name", (backend) => {
	it("reach the container by every path and protocol, at another port than the host's", async () => {
		const { world, outside } = network;
		addPorts(world, { container, mappings, backend });
		await using _tcp = await serve(container.namespace, { port: 80 });
		await using _udp = await serve(container.namespace, { protocol: "udp", port: 53 });
		await using _sctp = await serveSctp(container.namespace, 3869);
		for (const [who, from, address, source] of paths()) {
			expect([who, "tcp", get(from, address)]).toEqual([who, "tcp", source]);
			expect([who, "udp", udpAsk(from, { address, port: 5300 })]).toEqual([who, "udp", source]);
			// Raw sockets make no use of the address that the kernel would choose for localhost.
			if (address === "127.0.0.1") continue;
			expect([who, "sctp", sctpAsk(from, { address, port: 3868 })]).toEqual([who, "sctp", address]);
		}
		// There is no way back to ::1.
		expect(get(world.host, "::1")).toBeUndefined();
		deletePorts(world, { container, mappings, backend });
		expect(get(outside, "192.0.2.1")).toBeUndefined();
		expect(get(world.host, "127.0.0.1")).toBeUndefined();
	});

	it("go by the host's address where a mapping names one", async () => {
		const { world, outside } = network;
		runIn(world.host, ["ip", "address", "add", "192.0.2.2/24", "dev", "out0"]);
		const at = (hostIP: string, containerPort: number) => ({
			...mappings[0],
			hostPort: 8080,
			protocol: "tcp",
			containerPort,
			hostIP,
		});
		addPorts(world, { container, backend, mappings: [at("192.0.2.1", 80), at("2001:db8::1", 81)] });
		addPorts(world, { container: sibling, backend, mappings: [at("192.0.2.2", 80)] });
		await using _one = await serve(container.namespace, { port: 80, body: "one" });
		await using _six = await serve(container.namespace, { port: 81, body: "six" });
		await using _two = await serve(sibling.namespace, { port: 80, body: "two" });
		expect(["192.0.2.1", "192.0.2.2", "2001:db8::1"].map((address) => get(outside, address))).toEqual([
			"one",
			"two",
			"six",
		]);
		expect(get(world.host, "127.0.0.1")).toBeUndefined();
	});

	it("keep their source without snat, and lose it with masqAll", async () => {
		const { world, outside } = network;
		await using _ = await serve(container.namespace, { port: 80 });
		addPorts(world, { container, mappings, backend, extra: { snat: false } });
		expect(get(outside, "192.0.2.1")).toBe("192.0.2.9");
		expect(get(world.host, "127.0.0.1")).toBeUndefined();
		addPorts(world, { container, mappings, backend, extra: { masqAll: true } });
		expect(get(outside, "192.0.2.1")).toBe("10.50.0.1");
		expect(get(outside, "2001:db8::1")).toBe("fd50::1");
		expect(get(world.host, "127.0.0.1")).toBe("10.50.0.1");
	});

	it("of a client of UDP that keeps its socket reach the next container at once", async () => {
		const { world, outside } = network;
		const ask = { address: "192.0.2.1", port: 5300, sourcePort: 40_000 };
		const udp = mappings.slice(1, 2);
		addPorts(world, { container, mappings: udp, backend });
		{
			await using _ = await serve(container.namespace, { protocol: "udp", port: 53, body: "first" });
			expect(udpAsk(outside, ask)).toBe("first");
			deletePorts(world, { container, mappings: udp, backend });
		}
		// Nobody is there: the packet opens a connection to the host itself.
		expect(udpAsk(outside, { ...ask, timeoutMs: 200 })).toBeUndefined();
		await using _ = await serve(sibling.namespace, { protocol: "udp", port: 53, body: "second" });
		addPorts(world, { container: sibling, mappings: udp, backend });
		expect(udpAsk(outside, ask)).toBe("second");
	});

	it("of an SCTP peer with a fixed port reach the next container at once", async () => {
		const { world, outside } = network;
		const sctp = mappings.slice(2);
		const ask = { address: "192.0.2.1", port: 3868, sourcePort: 3868 };
		addPorts(world, { container, mappings: sctp, backend });
		{
			await using _ = await serveSctp(container.namespace, 3869);
			expect(sctpAsk(outside, ask)).toBe("192.0.2.1");
		}
		deletePorts(world, { container, mappings: sctp, backend });
		await using _ = await serveSctp(sibling.namespace, 3869);
		addPorts(world, { container: sibling, mappings: sctp, backend });
		expect(sctpAsk(outside, ask)).toBe("192.0.2.1");
	});
});

describe("connections that have nothing to do with a mapping", () => {
	it("of UDP to the same port of other machines, and to other ports, are not forgotten", async () => {
		const { world, outside } = network;
		// Connections are tracked from the first rule on.
		addPorts(world, { container, mappings: mappings.slice(0, 1) });
		await using _ = await serve(outside, { protocol: "udp", port: 5300 });
		runIn(outside, ["ip", "route", "add", "10.50.0.0/24", "via", "192.0.2.1"]);
		// Through the host, to the same port elsewhere.
		const passing = { address: "192.0.2.9", port: 5300, sourcePort: 41_000 };
		expect(udpAsk(sibling.namespace, passing)).toBe("10.50.0.3");
		const other = { ...passing, address: "192.0.2.1", port: 5301, timeoutMs: 200 };
		udpAsk(outside, { ...other, sourcePort: 41_001 });
		const tracked = () => runIn(world.host, ["conntrack", "-L", "-p", "udp"]).match(/sport=4100[01] dport=530[01] /g);
		expect(tracked()).toHaveLength(2);
		addPorts(world, { container, mappings });
		deletePorts(world, { container, mappings });
		expect(tracked()).toHaveLength(2);
	});
});

describe("the host's localhost", () => {
	it("stays out of containers' reach, whatever localhost access to them needs", async () => {
		const { world } = network;
		addPorts(world, { container, mappings });
		await using _ = await serve(world.host, { address: "127.0.0.1", port: 9999, body: "secret" });
		// As an attacker in a container would: what is sent to 127.0.0.1 goes to the gateway's hardware address.
		runIn(sibling.namespace, ["ip", "address", "flush", "dev", "lo"]);
		runIn(sibling.namespace, ["sysctl", "-qw", "net.ipv4.conf.all.route_localnet=1"]);
		runIn(sibling.namespace, ["ip", "route", "flush", "table", "local"]);
		runIn(sibling.namespace, ["ip", "route", "add", "local", "10.50.0.3", "dev", "eth0", "table", "local"]);
		runIn(sibling.namespace, ["ip", "route", "add", "127.0.0.1", "via", "10.50.0.1", "dev", "eth0"]);
		expect(get(sibling.namespace, "127.0.0.1", 9999)).toBeUndefined();
		runIn(world.host, ["nft", "flush", "chain", "inet", "cni_suite", "localhost_guard"]);
		expect(get(sibling.namespace, "127.0.0.1", 9999)).toBe("secret");
	});
});

describe("conditions", () => {
	it("in the language of nft hold for the container that has them alone", async () => {
		const { world, outside } = network;
		const extra = { conditionsV4: ["ip", "saddr", "!=", "192.0.2.9"], conditionsV6: ["iifname", '"out0"'] };
		addPorts(world, { container, mappings, extra });
		addPorts(world, { container: sibling, mappings: [{ hostPort: 8081, containerPort: 80, protocol: "tcp" }] });
		await using _one = await serve(container.namespace, { port: 80, body: "one" });
		await using _two = await serve(sibling.namespace, { port: 80, body: "two" });
		expect(get(outside, "192.0.2.1")).toBeUndefined();
		expect(get(world.host, "192.0.2.1")).toBe("one");
		expect(get(outside, "2001:db8::1")).toBe("one");
		expect(get(world.host, "2001:db8::1")).toBeUndefined();
		expect(get(outside, "192.0.2.1", 8081)).toBe("two");
		deletePorts(world, { container, mappings, extra });
		expect(runIn(world.host, ["nft", "list", "table", "inet", "cni_suite"])).not.toContain("conditions_");
	});

	it("in the language of iptables choose it", async () => {
		const { world, outside } = network;
		const extra = { conditionsV4: ["!", "-s", "192.0.2.9"], conditionsV6: ["-s", "2001:db8::9"] };
		addPorts(world, { container, mappings, extra });
		await using _ = await serve(container.namespace, { port: 80, body: "one" });
		expect(get(outside, "192.0.2.1")).toBeUndefined();
		expect(get(world.host, "192.0.2.1")).toBe("one");
		expect(get(outside, "2001:db8::1")).toBe("one");
		expect(get(world.host, "2001:db8::1")).toBeUndefined();
	});
});
