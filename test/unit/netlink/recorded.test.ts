import { describe, expect, test } from "@jest/globals";
import {
	formatAddress,
	formatPrefix,
	type IpAddress,
	type IpPrefix,
	parseAddress,
	parsePrefix,
} from "../../../lib/ip/address.ts";
import { addAddress, decodeAddress } from "../../../lib/netlink/address.ts";
import { addBridge, bridgePortOf, filtersVlans, setBridgePort } from "../../../lib/netlink/bridge.ts";
import { addPortVlans } from "../../../lib/netlink/bridge-vlan.ts";
import { addDummy } from "../../../lib/netlink/dummy.ts";
import { addIfb } from "../../../lib/netlink/ifb.ts";
import { addIpvlan } from "../../../lib/netlink/ipvlan.ts";
import { decodeLink, deleteLink, setLink } from "../../../lib/netlink/link.ts";
import { addMacvlan } from "../../../lib/netlink/macvlan.ts";
import { decodeNeighbour, replaceNeighbour } from "../../../lib/netlink/neighbour.ts";
import { addIngress, decodeQdisc, deleteQdisc, replaceTokenBucket } from "../../../lib/netlink/qdisc.ts";
import { addRedirect, decodeIngressFilter, deleteFilters } from "../../../lib/netlink/redirect-filter.ts";
import { addRoute, decodeRoute, deleteRoute } from "../../../lib/netlink/route.ts";
import { appendRoute, copyToTable, parseRouteCopy } from "../../../lib/netlink/route-copy.ts";
import { addRule, decodeRule, deleteRule } from "../../../lib/netlink/rule.ts";
import { ingressParent, rootParent } from "../../../lib/netlink/traffic-control.ts";
import { addVeth } from "../../../lib/netlink/veth.ts";
import { addVlan } from "../../../lib/netlink/vlan.ts";
import { decodeAttributeList } from "../../../lib/netlink/wire/attributes.ts";
import {
	decodeAcknowledgement,
	decodeMessages,
	encodeMessages,
	type Message,
	NLM_F_ACK,
	NLMSG_DONE,
	NLMSG_ERROR,
	type ReceivedMessage,
} from "../../../lib/netlink/wire/message.ts";
import { received, sent } from "./recorded.ts";

// What is tested here sends nothing.
jest.mock("bun:ffi", () => ({ dlopen: () => ({ symbols: {} }), read: {} }), { virtual: true });

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"));
const address = (text: string): IpAddress => parseAddress(text) ?? { family: 4, value: 0n };
const prefix = (text: string): IpPrefix => parsePrefix(text) ?? { address: address("0.0.0.0"), length: 0 };

function only(hex: string): ReceivedMessage {
	const [message] = decodeMessages(bytes(hex));
	if (message === undefined) throw new Error("the datagram is empty");
	return message;
}

/** Our request, told the sequence number and the port that iproute2 used. */
function encoded(message: Message, like: ReceivedMessage): string {
	const request = { ...message, flags: (message.flags ?? 0) | NLM_F_ACK };
	return Buffer.from(encodeMessages([request], like)).toString("hex");
}

describe("requests are what iproute2 sends, byte for byte", () => {
	test.each<[keyof typeof sent, Message]>([
		["ip link set v0 up", { ...setLink({ index: 4 }, { up: true }), type: 16 }],
		["ip link set v0 master br0", { ...setLink({ index: 4 }, { master: 2 }), type: 16 }],
		["ip link del v0", deleteLink({ index: 4 })],
		["ip addr add fd00::5/64 dev v0 nodad", addAddress(4, { prefix: prefix("fd00::5/64"), detectDuplicates: false })],
		[
			"ip neigh replace 10.1.2.9 lladdr 02:00:00:00:00:09 dev v1 nud stale",
			replaceNeighbour({ linkIndex: 3, address: address("10.1.2.9"), mac: "02:00:00:00:00:09" }),
		],
		["ip rule add from 10.0.0.2 lookup 100", addRule({ source: address("10.0.0.2"), table: 100 })],
		["ip -6 rule add from fd00::2 lookup 5000", addRule({ source: address("fd00::2"), table: 5000 })],
		[
			"ip rule del from 10.0.0.2 lookup 100 priority 32765",
			deleteRule({ source: address("10.0.0.2"), table: 100, priority: 32765 }),
		],
		["tc qdisc add dev v0 handle ffff: ingress", addIngress({ index: 4 })],
		[
			"tc filter add dev v0 parent ffff: protocol all prio 1 u32 match u8 0 0 classid 1:1 action mirred egress redirect dev bwpx",
			addRedirect({ index: 4 }, { priority: 1, target: { index: 7 } }),
		],
		["tc qdisc del dev v0 root", deleteQdisc({ index: 4 }, rootParent)],
		["tc filter del dev v0 parent ffff: prio 1", deleteFilters({ index: 4 }, 1)],
	])("%s", (command, message) => {
		// iproute2 changes links with RTM_NEWLINK, we with RTM_SETLINK: the kernel handles both alike for one that exists.
		expect(encoded(message, only(sent[command]))).toBe(sent[command]);
	});
});

/** Header and attributes as comparable values: type and payload of each attribute, sorted, nested ones opened. */
function meaning(
	{ type, body }: ReceivedMessage,
	{ headerSize, nested }: { headerSize: number; nested: readonly number[] },
) {
	return { type, header: hexOf(body.subarray(0, headerSize)), attributes: open(body.subarray(headerSize), nested) };
}

function open(payload: Uint8Array, nested: readonly number[]): unknown {
	return decodeAttributeList(payload)
		.map(({ type, payload: inner }) => [type, nested.includes(type) ? open(inner, nested) : hexOf(inner)])
		.sort(([a], [b]) => Number(a) - Number(b));
}

function hexOf(payload: Uint8Array): string {
	return Buffer.from(payload).toString("hex");
}

describe("requests mean what iproute2 sends, and differ only on purpose", () => {
	function expectMeaning(
		command: keyof typeof sent,
		message: Message,
		{ headerSize, nested = [] }: { headerSize: number; nested?: readonly number[] },
	) {
		const theirs = only(sent[command]);
		const ours = only(encoded(message, theirs));
		return expect(meaning(ours, { headerSize, nested })).toEqual(meaning(theirs, { headerSize, nested }));
	}

	test("ip link add v0 type veth peer name v1", () => {
		// Ours asks besides for no queue on the host's end, and ends names and kinds with NUL, as the kernel's strings do.
		const theirs = only(sent["ip link add v0 type veth peer name v1"]);
		const message = addVeth({ name: "v0", up: false, peer: { name: "v1" } });
		const ours = only(encoded(message, theirs));
		const parts = (m: ReceivedMessage) =>
			new Map(decodeAttributeList(m.body.subarray(16)).map((a) => [a.type, a.payload]));
		const [a, b] = [parts(ours), parts(theirs)];
		expect([ours.type, ours.flags, hexOf(ours.body.subarray(0, 16))]).toEqual([
			theirs.type,
			theirs.flags,
			hexOf(theirs.body.subarray(0, 16)),
		]);
		expect([...a.keys()].filter((type) => !b.has(type))).toEqual([13]);
		expect(hexOf(a.get(3) ?? bytes(""))).toBe(hexOf(b.get(3) ?? bytes("")));
		const info = (m: Map<number, Uint8Array>) =>
			new Map(decodeAttributeList(m.get(18) ?? bytes("")).map((x) => [x.type, x.payload]));
		expect(hexOf(info(a).get(1) ?? bytes(""))).toBe(`${hexOf(info(b).get(1) ?? bytes(""))}00`);
		expect(hexOf(info(a).get(2) ?? bytes(""))).toBe(hexOf(info(b).get(2) ?? bytes("")));
	});

	test("ip link add br7 address 02:00:00:00:00:07 mtu 1400 up type bridge", () => {
		const theirs = only(sent["ip link add br7 address 02:00:00:00:00:07 mtu 1400 up type bridge"]);
		const message = addBridge({ name: "br7", mac: "02:00:00:00:00:07", mtu: 1400, vlanFiltering: false });
		const ours = only(encoded(message, theirs));
		const text = (m: ReceivedMessage) => JSON.stringify(meaning(m, { headerSize: 16, nested: [18] }));
		// Ours ends the kind with NUL.
		expect(text(ours)).toBe(text(theirs).replace(hexOf(Buffer.from("bridge")), `${hexOf(Buffer.from("bridge"))}00`));
	});

	test("ip link set v0 alias hello", () => {
		const theirs = only(sent["ip link set v0 alias hello"]);
		const ours = only(encoded(setLink({ index: 4 }, { alias: "hello" }), theirs));
		// Ours ends with NUL, and changes a link with RTM_SETLINK instead of RTM_NEWLINK.
		const wanted = meaning(theirs, { headerSize: 16, nested: [] });
		expect(meaning(ours, { headerSize: 16, nested: [] })).toEqual({
			...wanted,
			type: 19,
			attributes: [[20, `${hexOf(Buffer.from("hello"))}00`]],
		});
	});

	test("ip addr add 10.1.2.3/24 dev v0", () => {
		// Ours sets the broadcast address besides, as the reference does.
		const theirs = only(sent["ip addr add 10.1.2.3/24 dev v0"]);
		const ours = only(encoded(addAddress(4, { prefix: prefix("10.1.2.3/24"), detectDuplicates: false }), theirs));
		const withBroadcast = meaning(theirs, { headerSize: 8, nested: [] });
		expect(meaning(ours, { headerSize: 8, nested: [] })).toEqual({
			...withBroadcast,
			// And IFA_F_NODAD, which has no meaning for IPv4.
			header: withBroadcast.header.replace(/^021800/, "021802"),
			attributes: [...(withBroadcast.attributes as unknown[]), [4, "0a0102ff"]],
		});
	});

	test("ip route add 10.9.0.0/16 via 10.1.2.1 dev v0", () => {
		const route = { destination: prefix("10.9.0.0/16"), linkIndex: 4, gateway: address("10.1.2.1") };
		expectMeaning("ip route add 10.9.0.0/16 via 10.1.2.1 dev v0", addRoute(route), { headerSize: 12 });
	});

	test("ip -6 route add … metric 5 table 300 mtu 1400 advmss 1340", () => {
		expectMeaning(
			"ip -6 route add fd09::/48 via fd00::1 dev v0 metric 5 table 300 mtu 1400 advmss 1340",
			addRoute({
				destination: prefix("fd09::/48"),
				linkIndex: 4,
				gateway: address("fd00::1"),
				priority: 5,
				table: 300,
				mtu: 1400,
				advmss: 1340,
			}),
			{ headerSize: 12, nested: [8] },
		);
	});

	test("ip route del 10.1.2.0/24 dev v0", () => {
		const route = { destination: prefix("10.1.2.0/24"), linkIndex: 4 };
		expectMeaning("ip route del 10.1.2.0/24 dev v0", deleteRoute(route), { headerSize: 12 });
	});

	test("ip link add d0 type dummy", () => {
		const theirs = only(sent["ip link add d0 type dummy"]);
		const ours = only(encoded(addDummy({ name: "d0" }), theirs));
		const text = (m: ReceivedMessage) => JSON.stringify(meaning(m, { headerSize: 16, nested: [18] }));
		// Ours ends the kind with NUL.
		expect(text(ours)).toBe(text(theirs).replace(hexOf(Buffer.from("dummy")), `${hexOf(Buffer.from("dummy"))}00`));
	});

	test("bridge link set dev v0 hairpin on isolated on", () => {
		expectMeaning(
			"bridge link set dev v0 hairpin on isolated on",
			setBridgePort({ index: 4 }, { hairpin: true, isolated: true }),
			{ headerSize: 16, nested: [12] },
		);
	});

	test("bridge vlan add dev v0 vid 10 pvid untagged", () => {
		// Ours names the port as the kernel's default does, with BRIDGE_FLAGS_MASTER.
		const theirs = only(sent["bridge vlan add dev v0 vid 10 pvid untagged"]);
		const ours = only(encoded(addPortVlans(4, [{ id: 10, native: true }]), theirs));
		const wanted = meaning(theirs, { headerSize: 16, nested: [26] });
		expect(meaning(ours, { headerSize: 16, nested: [26] })).toEqual({
			...wanted,
			attributes: [
				[
					26,
					[
						[0, "0100"],
						[2, "06000a00"],
					],
				],
			],
		});
		expect(wanted.attributes).toEqual([[26, [[2, "06000a00"]]]]);
	});

	test("ip link add bwpx … type ifb", () => {
		const command = "ip link add bwpx index 7 mtu 1024 txqueuelen 0 numtxqueues 1 numrxqueues 1 up type ifb";
		const theirs = only(sent[command]);
		const ours = only(encoded(addIfb({ name: "bwpx", index: 7, mtu: 1024 }), theirs));
		const text = (m: ReceivedMessage) => JSON.stringify(meaning(m, { headerSize: 16, nested: [18] }));
		// Ours ends the kind with NUL, and leaves the number of queues (31 and 32) to the kernel.
		const wanted = text(theirs).replace(hexOf(Buffer.from("ifb")), `${hexOf(Buffer.from("ifb"))}00`);
		expect(text(ours)).toBe(wanted.replace(',[31,"01000000"],[32,"01000000"]', ""));
	});

	test.each([
		[
			"ip link add link v0 name m0 mtu 1400 address 02:00:00:00:00:07 type macvlan mode private bcqueuelen 9",
			addMacvlan(
				{ name: "m0", master: 3, mtu: 1400, mac: "02:00:00:00:00:07" },
				{ mode: "private", broadcastQueueLength: 9 },
			),
		],
		["ip link add link v0 name m1 type vlan id 33", addVlan({ name: "m1", master: 3 }, 33)],
		["ip link add link v0 name m2 type ipvlan mode l3s", addIpvlan({ name: "m2", master: 3 }, "l3s")],
	] as const)("%s", (command, message) => {
		const theirs = only(sent[command]);
		const text = (m: ReceivedMessage) => JSON.stringify(meaning(m, { headerSize: 16, nested: [18, 2] }));
		const kind = hexOf(Buffer.from(/type (\w+)/.exec(command)?.[1] ?? ""));
		// Ours ends the kind with NUL, and leaves out that ipvlan has no flags.
		const wanted = text(theirs).replace(kind, `${kind}00`).replace(",[2,[]]", "");
		expect(text(only(encoded(message, theirs)))).toBe(wanted);
	});

	test("the reference plugin's token bucket", () => {
		const command = "tc qdisc add dev v0 root handle 1: tbf rate 8kbit burst 2000 limit 2025";
		const bucket = { rateBytesPerSecond: 1000n, bufferTicks: 31_250_000, limitBytes: 2025 };
		// Ours replaces, where the reference adds.
		const ours = only(encoded(replaceTokenBucket({ index: 2 }, { handle: 0x10000, bucket }), only(sent[command])));
		const options = { headerSize: 20, nested: [2] };
		expect(meaning(ours, options)).toEqual(meaning(only(sent[command]), options));
	});

	test("tc qdisc replace dev bwpx root handle 1: tbf rate 80gbit …", () => {
		const command = "tc qdisc replace dev bwpx root handle 1: tbf rate 80gbit burst 100mb latency 25ms";
		// tc reckons the ticks with the rate that 32 bits hold; where there are bytes, the kernel does not look at them.
		const bucket = {
			rateBytesPerSecond: 10_000_000_000n,
			burstBytes: 104_857_600,
			bufferTicks: 381_468,
			limitBytes: 354_857_600,
		};
		const theirs = only(sent[command]);
		const ours = only(encoded(replaceTokenBucket({ index: 7 }, { handle: 0x10000, bucket }), theirs));
		const optionsOf = ({ body }: ReceivedMessage) => {
			const [, options] = decodeAttributeList(body.subarray(20));
			return [...decodeAttributeList(options?.payload ?? bytes(""))]
				.sort((a, b) => a.type - b.type)
				.map(({ type, payload }) => [type, hexOf(payload)]);
		};
		// Ours has neither the name of the link layer in the parameters (1) nor the table of times (2) for old kernels.
		const wanted = optionsOf(theirs).filter(([type]) => type !== 2);
		expect(optionsOf(ours)).toEqual(
			wanted.map(([type, value]) => [type, type === 1 ? String(value).replace(/^.{16}/, "0".repeat(16)) : value]),
		);
	});
});

describe("what the kernel answers", () => {
	test("a link", () => {
		const link = decodeLink(only(received.link));
		expect(link).toMatchObject({
			index: 4,
			name: "v0",
			alias: "hello",
			kind: "veth",
			mtu: 1500,
			up: true,
			operState: "up",
			master: 2,
			peerIndex: 3,
		});
		expect(bridgePortOf(link)).toEqual({ hairpin: true, isolated: true });
		expect(filtersVlans(link)).toBe(false);
	});

	test("addresses", () => {
		const all = decodeMessages(bytes(received.addresses)).map(decodeAddress);
		expect(all.map(({ prefix: p, linkIndex }) => [formatPrefix(p), linkIndex])).toEqual([
			["10.1.3.3/24", 3],
			[expect.stringMatching(/^fe80::.*\/64$/), 3],
		]);
		expect(all.map(({ tentative, dadFailed }) => [tentative, dadFailed])).toEqual([
			[false, false],
			[true, false],
		]);
	});

	test("routes, also with several hops", () => {
		const routes = decodeMessages(bytes(received.routes4)).map(decodeRoute);
		const text = routes.map(({ destination, hops, scope, source }) => [
			formatPrefix(destination),
			scope,
			source === undefined ? "" : formatAddress(source),
			hops.map(({ gateway, linkIndex }) => [gateway === undefined ? "" : formatAddress(gateway), linkIndex]),
		]);
		expect(text).toEqual([
			["10.1.2.0/24", 253, "10.1.2.3", [["", 4]]],
			["10.1.3.0/24", 253, "10.1.3.3", [["", 3]]],
			[
				"10.8.0.0/16",
				0,
				"",
				[
					["10.1.2.1", 4],
					["10.1.2.7", 4],
				],
			],
			["10.9.0.0/16", 0, "", [["10.1.2.1", 4]]],
		]);
		expect(decodeRoute(only(received.routes6))).toMatchObject({ table: 300, priority: 5, mtu: 1400, advmss: 1340 });
	});

	test("neighbours", () => {
		const [first] = decodeMessages(bytes(received.neighbours))
			.filter(({ type }) => type !== NLMSG_DONE)
			.map(decodeNeighbour);
		expect(first).toEqual({ linkIndex: 3, address: address("10.1.2.9"), mac: "02:00:00:00:00:09" });
	});

	test("queueing disciplines", () => {
		const [, bucket, ingress] = decodeMessages(bytes(received.qdiscs)).map(decodeQdisc);
		expect(bucket).toEqual({
			linkIndex: 4,
			kind: "tbf",
			handle: 0x10000,
			parent: rootParent,
			tokenBucket: { rateBytesPerSecond: 1_000_000n, bufferTicks: 1_600_000, limitBytes: 127_400 },
		});
		expect(ingress).toMatchObject({ linkIndex: 4, kind: "ingress", parent: ingressParent, tokenBucket: undefined });
	});

	test("a filter that redirects, in its three entries", () => {
		const entries = decodeMessages(bytes(received.filters)).map(decodeIngressFilter);
		expect(entries.map(({ kind, priority }) => [kind, priority])).toEqual([
			["u32", 1],
			["u32", 1],
			["u32", 1],
		]);
		expect(entries.map(({ redirectsTo }) => redirectsTo)).toEqual([[], [], [7]]);
	});

	test("acknowledgements, refusals, and the end of a dump", () => {
		const acknowledgement = only(received.acknowledgement);
		expect(acknowledgement.type).toBe(NLMSG_ERROR);
		expect(decodeAcknowledgement(acknowledgement)).toEqual({ errno: 0, text: "" });
		expect(decodeAcknowledgement(only(received.refusal))).toEqual({ errno: 95, text: "" });
		const done = only(received.done);
		expect([done.type, decodeAcknowledgement(done)]).toEqual([NLMSG_DONE, { errno: 0, text: "" }]);
	});
});

describe("rules and routes come back as they were", () => {
	test("a rule, its source and table", () => {
		const rules = decodeMessages(bytes(received.rules6)).map(decodeRule);
		expect(rules).toEqual([
			{ source: undefined, table: 255, priority: 0 },
			{ source: prefix("fd00::2/128"), table: 5000, priority: 32765 },
		]);
	});

	test("a route, in another table, with all that it had", () => {
		const { body } = only(received.routes6);
		const original = parseRouteCopy(body);
		const copy = copyToTable(original, 100);
		expect(copy).toEqual({ ...original, table: 100, body: copy.body });
		expect(decodeRoute({ body: appendRoute(copyToTable(copy, 300)).header })).toEqual(decodeRoute({ body }));
		// No state of the kernel's is sent back: flags, and the cache's entry.
		expect(hexOf(copy.body.subarray(8, 12))).toBe("00000000");
		expect(decodeAttributeList(copy.body.subarray(12)).map(({ type }) => type)).not.toContain(12);
	});
});
