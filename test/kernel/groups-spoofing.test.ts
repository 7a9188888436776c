import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { arp, broadcastMac, ethernet, neighbour, udp4, udp6, whoHears } from "../support/frames.ts";
import { type Namespace, runIn } from "../support/namespace.ts";
import { createWorld, type World } from "../support/world.ts";
import { shownLink } from "./bridge-network.ts";
import { type GroupsNetwork, groupsNetwork, type Member } from "./groups-network.ts";

const ip4 = 0x0800;
const ip6 = 0x86dd;
const arpType = 0x0806;

let world: World;
let network: GroupsNetwork;
/** In one group: what one sends truly, the other gets. */
let sender: Member;
let friend: Member;
/** In another. */
let stranger: Member;
let gatewayMac: string;

beforeEach(() => {
	world = createWorld();
	network = groupsNetwork(world);
	sender = network.attach({ groups: ["a"] });
	friend = network.attach({ groups: ["a"] });
	stranger = network.attach({ groups: ["b"] });
	gatewayMac = shownLink(world.host, "br0").address;
});
afterEach(() => {
	world.dispose();
});

/** Which of the frames come in at the other containers and, through the bridge, at the host. */
async function heardBy(frames: readonly Uint8Array[], listeners: readonly Namespace[]) {
	return (await whoHears(listeners, { frames, from: sender.container })).map((heard) => heard.map(Number).join(""));
}

/** A frame from the sender's own hardware address, or another, to the friend, or another. */
function frame(protocol: number, payload: Uint8Array, { from = sender.mac, to = friend.mac } = {}): Uint8Array {
	return ethernet({ from, to, protocol }, payload);
}

describe("a container with CAP_NET_RAW", () => {
	it("sends from its own addresses to its groups alone", async () => {
		const own = { source: sender.ip4, target: friend.ip4 };
		const own6 = { source: sender.ip6, target: friend.ip6 };
		const frames = [
			frame(ip4, udp4(own)),
			frame(ip6, udp6(own6)),
			frame(ip4, udp4(own), { to: broadcastMac }),
			frame(ip4, udp4({ ...own, target: stranger.ip4 }), { to: stranger.mac }),
			frame(ip6, udp6({ ...own6, target: stranger.ip6 }), { to: stranger.mac }),
		];
		expect(await heardBy(frames, [friend.container, stranger.container])).toEqual(["11100", "00000"]);
	});

	it("borrows neither address nor hardware address of another", async () => {
		const [mine, his] = [sender.ip4, stranger.ip4];
		const frames = [
			// Another's address, a free one of the network, one from outside, none.
			...[his, "10.1.2.200", "192.0.2.7"].map((source) => frame(ip4, udp4({ source, target: friend.ip4 }))),
			...[stranger.ip6, "fd01:2::200", "2001:db8::7", "fe80::1"].map((source) =>
				frame(ip6, udp6({ source, target: friend.ip6 })),
			),
			// Another's hardware address, or an unknown one, with the right address.
			...[stranger.mac, gatewayMac, "02:00:00:00:00:01"].map((from) =>
				frame(ip4, udp4({ source: mine, target: friend.ip4 }), { from }),
			),
			// Neither IP nor ARP; behind the tag of a VLAN, and of one for providers.
			frame(0x88b5, new Uint8Array(46)),
			frame(0x8100, new Uint8Array([0, 8, 8, 0, ...udp4({ source: his, target: friend.ip4 })])),
			frame(0x88a8, new Uint8Array([0, 1, 8, 0, ...udp4({ source: his, target: friend.ip4 })])),
		];
		expect(await heardBy(frames, [friend.container, stranger.container])).toEqual([
			"0".repeat(frames.length),
			"0".repeat(frames.length),
		]);
	});

	it("does not reach the host with another's address either", async () => {
		const toHost = { to: gatewayMac };
		const frames = [
			frame(ip4, udp4({ source: sender.ip4, target: "10.1.2.1" }), toHost),
			frame(ip4, udp4({ source: stranger.ip4, target: "10.1.2.1" }), toHost),
			frame(ip6, udp6({ source: stranger.ip6, target: "fd01:2::1" }), toHost),
		];
		const before = received4();
		await heardBy(frames, [friend.container]);
		expect(received4() - before).toBe(1);
	});

	it("answers ARP for its own address alone", async () => {
		const target = friend.ip4;
		const { mac } = sender;
		const to = broadcastMac;
		const frames = [
			frame(arpType, arp({ source: sender.ip4, target, mac }), { to }),
			frame(arpType, arp({ source: sender.ip4, target, mac, operation: 2 })),
			// Gratuitous, for another's address and for the gateway's.
			...[stranger.ip4, "10.1.2.1"].flatMap((source) => [
				frame(arpType, arp({ source, target: source, mac }), { to }),
				frame(arpType, arp({ source, target, mac, operation: 2 })),
			]),
			// Its own address at another's hardware address.
			frame(arpType, arp({ source: sender.ip4, target, mac: stranger.mac, operation: 2 })),
			frame(arpType, arp({ source: sender.ip4, target, mac: stranger.mac, operation: 2 }), { from: stranger.mac }),
		];
		expect(await heardBy(frames, [friend.container, stranger.container])).toEqual(["11000000", "00000000"]);
	});

	it("discovers neighbours in its own name alone, and is no router", async () => {
		const linkLocal = linkLocalOf(sender.container);
		const target = friend.ip6;
		const to = "33:33:00:00:00:01";
		const nd = (type: number, about: string, source = sender.ip6) =>
			frame(ip6, neighbour({ source, target: "ff02::1", type, about }), { to });
		const frames = [
			nd(135, target),
			nd(136, sender.ip6),
			nd(136, linkLocal, linkLocal),
			nd(135, sender.ip6, "::"),
			// In the name of another, of the gateway, of nobody.
			nd(136, stranger.ip6),
			nd(136, "fd01:2::1"),
			nd(136, stranger.ip6, stranger.ip6),
			nd(135, stranger.ip6, "::"),
			// Router advertisement, redirect.
			nd(134, "::", linkLocal),
			nd(137, target, linkLocal),
		];
		expect(await heardBy(frames, [friend.container, stranger.container])).toEqual(["1111000000", "0000000000"]);
	});

	it("leaves others' entries in the host's neighbour table alone", async () => {
		runIn(world.host, ["ping", "-c", "1", "-W", "1", stranger.ip4]);
		const frames = [stranger.mac, gatewayMac].map((to) =>
			frame(arpType, arp({ source: stranger.ip4, target: "10.1.2.1", mac: sender.mac, operation: 2 }), { to }),
		);
		await heardBy(frames, [stranger.container]);
		const [entry] = JSON.parse(runIn(world.host, ["ip", "-j", "neighbour", "show", stranger.ip4]));
		expect(entry).toMatchObject({ lladdr: stranger.mac });
	});
});

describe("a container whose ADD is under way", () => {
	it("cannot use what belongs to a registered one", async () => {
		const young = network.attach({ unregistered: true });
		const source = stranger.ip4;
		const frames = [
			ethernet(
				{ from: young.mac, to: broadcastMac, protocol: arpType },
				arp({ source, target: source, mac: young.mac }),
			),
			ethernet(
				{ from: young.mac, to: "33:33:00:00:00:01", protocol: ip6 },
				neighbour({ source: young.ip6, target: "ff02::1", type: 136, about: stranger.ip6 }),
			),
		];
		const heard = await whoHears([friend.container, stranger.container], { frames, from: young.container });
		expect(heard.flat()).toEqual([false, false, false, false]);
		const [entry] = JSON.parse(runIn(world.host, ["ip", "-j", "neighbour", "show", source]));
		expect(entry?.lladdr).not.toBe(young.mac);
	});
});

/** How many IPv4 packets the host has received. */
function received4(): number {
	return Number(/^Ip: (?:\d+ ){2}(\d+)/m.exec(runIn(world.host, ["cat", "/proc/net/snmp"]))?.[1]);
}

function linkLocalOf(container: Namespace): string {
	return /fe80::[0-9a-f:]+/.exec(runIn(container, ["ip", "-6", "address", "show", "dev", "eth0"]))?.[0] ?? "";
}
