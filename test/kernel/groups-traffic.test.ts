import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { groupsBase } from "../support/groups-base.ts";
import { attemptIn, attemptInAsync, type Namespace, runIn } from "../support/namespace.ts";
import { httpGet, ping, serve, udpAsk } from "../support/traffic.ts";
import { createWorld, leftovers, type World } from "../support/world.ts";
import { kept } from "./bridge-network.ts";
import { groupsNetwork, type Member } from "./groups-network.ts";

let world: World;

beforeEach(() => {
	world = createWorld();
	setBridgeNetfilter(0);
});
afterEach(() => {
	world.dispose();
});

/** Whether the kernel shows bridged packets to iptables and to what else looks at routed ones. */
function setBridgeNetfilter(value: 0 | 1): void {
	const keys = ["iptables", "ip6tables"].map((program) => `net.bridge.bridge-nf-call-${program}=${value}`);
	attemptIn(world.host, ["sysctl", "-qw", ...keys]);
}

const quickly = { timeoutSeconds: 0.4 };

/** Who reaches whom by ICMP, both families: `a>b` for each pair that does; a pair that does in one family only is an error. */
async function reach(members: Readonly<Record<string, Member>>): Promise<string[]> {
	// What was refused a moment ago is remembered as unreachable for a while.
	for (const { container } of [world.host, ...Object.values(members)].map((one) =>
		"name" in one ? { container: one } : one,
	))
		runIn(container, ["ip", "neighbour", "flush", "all"]);
	const pairs = Object.entries(members).flatMap(([from, { container }]) =>
		Object.entries(members)
			.filter(([to]) => to !== from)
			.map(async ([to, { ip4, ip6 }]) => {
				const [four, six] = await Promise.all([ip4, ip6].map((address) => pingAsync(container, address)));
				if (four !== six) return [`${from}>${to} by IPv${four ? 4 : 6} alone`];
				return four ? [`${from}>${to}`] : [];
			}),
	);
	return (await Promise.all(pairs)).flat().sort();
}

async function pingAsync(from: Namespace, address: string): Promise<boolean> {
	const command = ["ping", "-n", "-q", "-i", "0.3", "-c", "4", "-w", "3", address];
	const { stdout } = await attemptInAsync(from, command);
	return !/ 0 received/.test(stdout);
}

const both = (a: string, b: string): string[] => [`${a}>${b}`, `${b}>${a}`].sort();

describe.each([0, 1] as const)("within a bridge, bridge-nf-call-iptables=%d", (value) => {
	beforeEach(() => setBridgeNetfilter(value));

	it("interfaces talk when they share a group", async () => {
		const network = groupsNetwork(world);
		const members = {
			web1: network.attach({ groups: ["web"] }),
			web2: network.attach({ groups: ["web"] }),
			db: network.attach({ groups: ["db"] }),
			both: network.attach({ groups: ["db", "web"] }),
			none1: network.attach(),
			none2: network.attach(),
			closed: network.attach({ config: { default: "closed" } }),
		};
		expect(await reach(members)).toEqual(
			[
				...both("web1", "web2"),
				...both("web1", "both"),
				...both("web2", "both"),
				...both("db", "both"),
				...both("none1", "none2"),
			].sort(),
		);
	});

	it("TCP and UDP go the same way, and the host reaches everybody", async () => {
		const network = groupsNetwork(world);
		const [a, b, c] = [
			network.attach({ groups: ["a"] }),
			network.attach({ groups: ["a"] }),
			network.attach({ groups: ["c"] }),
		];
		await using _tcp = await serve(b.container, { port: 80 });
		await using _udp = await serve(b.container, { protocol: "udp", port: 53 });
		for (const address of [b.ip4, b.ip6]) {
			const url = `http://${address.includes(":") ? `[${address}]` : address}/`;
			expect([httpGet(a.container, url), httpGet(c.container, url, { timeoutSeconds: 1 })]).toEqual([
				address === b.ip4 ? a.ip4 : a.ip6,
				undefined,
			]);
			expect(udpAsk(a.container, { address, port: 53 })).toBeDefined();
			expect(udpAsk(c.container, { address, port: 53 })).toBeUndefined();
			expect(httpGet(world.host, url)).toBeDefined();
		}
		expect([ping(c.container, "10.1.2.1"), ping(c.container, "fd01:2::1")]).toEqual([true, true]);
	});

	it("link-local addresses are no way round", () => {
		const network = groupsNetwork(world);
		const [a, b, c] = [
			network.attach({ groups: ["a"] }),
			network.attach({ groups: ["a"] }),
			network.attach({ groups: ["c"] }),
		];
		const linkLocal = /fe80::[0-9a-f:]+/.exec(runIn(b.container, ["ip", "-6", "address", "show", "dev", "eth0"]))?.[0];
		expect(ping(a.container, `${linkLocal}%eth0`)).toBe(true);
		expect(ping(c.container, `${linkLocal}%eth0`, quickly)).toBe(false);
	});

	it("a container whose ADD is under way reaches no registered one, nor is it reached, until it is registered", async () => {
		const network = groupsNetwork(world);
		const old = network.attach({ groups: ["a"] });
		const young = network.attach({ groups: ["a"], unregistered: true });
		expect(await reach({ old, young })).toEqual([]);
		expect(young.run("ADD").exitCode).toBe(0);
		expect(await reach({ old, young })).toEqual(both("old", "young"));
	});

	it("DEL takes the rights away at once, and leaves nothing", () => {
		const network = groupsNetwork(world);
		const [a, b] = [network.attach({ groups: ["a"] }), network.attach({ groups: ["a"] })];
		expect(ping(a.container, b.ip4)).toBe(true);
		expect(b.run("DEL").exitCode).toBe(0);
		expect(ping(a.container, b.ip4, quickly)).toBe(false);
		for (const member of [a, b]) member.detach();
		expect(leftovers(world, { except: [...kept, ...groupsBase] })).toEqual([]);
	});
});

describe("between bridges", () => {
	const second = { name: "n2", bridge: "br1", subnets: ["10.1.3.0/24", "fd01:3::/64"] };

	it("groups are the same on all networks of a host", async () => {
		const [one, two] = [groupsNetwork(world), groupsNetwork(world, second)];
		const members = {
			a1: one.attach({ groups: ["a"] }),
			a2: two.attach({ groups: ["a", "x"] }),
			b2: two.attach({ groups: ["b"] }),
			none1: one.attach(),
			none2: two.attach(),
		};
		expect(await reach(members)).toEqual([...both("a1", "a2"), ...both("none1", "none2")].sort());
	});

	it("what comes in fragments is judged like the rest", () => {
		const [one, two] = [groupsNetwork(world), groupsNetwork(world, second)];
		const [a, b, c] = [one.attach({ groups: ["a"] }), two.attach({ groups: ["a"] }), two.attach({ groups: ["c"] })];
		const large = (address: string) =>
			attemptIn(a.container, ["ping", "-n", "-q", "-c", "1", "-w", "2", "-s", "4000", address]).exitCode;
		expect([b.ip4, b.ip6].map(large)).toEqual([0, 0]);
		expect([c.ip4, c.ip6].map(large)).toEqual([1, 1]);
	});

	it("the outside is reached, and reaches whom it may", async () => {
		const network = groupsNetwork(world);
		const open = network.attach({ groups: ["a"] });
		const closed = network.attach({ groups: ["a"], config: { outside: "closed" } });
		const outside = connectOutside(world);
		for (const { container } of [open, closed]) {
			expect([ping(container, "192.0.2.2"), ping(container, "2001:db8::2")]).toEqual([true, true]);
		}
		expect([ping(outside, open.ip4), ping(outside, open.ip6)]).toEqual([true, true]);
		expect([ping(outside, closed.ip4, quickly), ping(outside, closed.ip6, quickly)]).toEqual([false, false]);
		expect(await reach({ open, closed })).toEqual(both("open", "closed"));
	});
});

describe("through port maps", () => {
	const portMappings = [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }];

	it.each(["open", "closed"])("host ports that are %s", async (hostPorts) => {
		const network = groupsNetwork(world);
		const other = groupsNetwork(world, { name: "n2", bridge: "br1", subnets: ["10.1.3.0/24", "fd01:3::/64"] });
		const server = network.attach({ groups: ["a"], config: { hostPorts }, portMappings });
		const friends = [network.attach({ groups: ["a"] }), other.attach({ groups: ["a"] })];
		const strangers = [network.attach({ groups: ["b"] }), other.attach({ groups: ["b"] }), connectOutside(world)].map(
			(one) => ("container" in one ? one.container : one),
		);
		await using _web = await serve(server.container, { port: 80, body: "hello" });
		const get = (from: Namespace) =>
			["http://192.0.2.1:8080/", "http://[2001:db8::1]:8080/"].map((url) => httpGet(from, url, { timeoutSeconds: 1 }));
		const yes = ["hello", "hello"];
		const no = [undefined, undefined];
		expect(friends.map(({ container }) => get(container))).toEqual([yes, yes]);
		expect(strangers.map(get)).toEqual(hostPorts === "open" ? [yes, yes, yes] : [no, no, no]);
		expect(get(server.container)).toEqual(yes);
		expect(httpGet(world.host, "http://192.0.2.1:8080/")).toBe("hello");
	});
});

/** A machine behind the host: 192.0.2.2 and 2001:db8::2, the host's .1 and ::1. */
function connectOutside(at: World): Namespace {
	const outside = at.container();
	const lines = [
		"sysctl -qw net.ipv6.conf.default.accept_dad=0",
		`ip link add up0 type veth peer name eth0 netns ${outside.name}`,
		"ip link set up0 up",
		"ip address add 192.0.2.1/24 dev up0",
		"ip address add 2001:db8::1/64 dev up0 nodad",
	];
	runIn(at.host, ["sh", "-ec", lines.join("; ")]);
	const inside = [
		"sysctl -qw net.ipv6.conf.all.accept_dad=0",
		"ip link set eth0 up",
		"ip address add 192.0.2.2/24 dev eth0",
		"ip address add 2001:db8::2/64 dev eth0 nodad",
		"ip route add default via 192.0.2.1",
		"ip -6 route add default via 2001:db8::1",
	];
	runIn(outside, ["sh", "-ec", inside.join("; ")]);
	return outside;
}
