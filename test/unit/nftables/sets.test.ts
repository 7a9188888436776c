import { describe, expect, test } from "@jest/globals";
import { addressToBytes, type Family, type IpAddress, parseAddress } from "../../../lib/ip/address.ts";
import { concatenate, offsetOf, registerAt } from "../../../lib/netlink/nftables/data-type.ts";
import { decodeExpressions } from "../../../lib/netlink/nftables/decode-expression.ts";
import { addElements, deleteElements } from "../../../lib/netlink/nftables/element.ts";
import { type Expression, encodeExpressions, sameExpressions } from "../../../lib/netlink/nftables/expression.ts";
import {
	concatenated,
	loadAddress,
	loadPort,
	loadProtocol,
	matchDestinationNat,
	matchFamily,
	matchLocalDestination,
} from "../../../lib/netlink/nftables/match.ts";
import { addRule } from "../../../lib/netlink/nftables/rule.ts";
import { addSet } from "../../../lib/netlink/nftables/set.ts";
import { encodeAttributes } from "../../../lib/netlink/wire/attributes.ts";
import { encodeMessages, type Message } from "../../../lib/netlink/wire/message.ts";
import { sentForSets } from "./recorded-sets.ts";

const table = { family: "inet", table: "cni_suite" } as const;
const inC1 = { ...table, chain: "c1" } as const;
const named = (set: string) => ({ ...table, set });
const comment = "abc";

const jumpToC1: Expression = { kind: "verdict", verdict: "jump", chain: "c1" };
const byPort = (family: Family) => [
	...matchFamily(family),
	...concatenated([loadAddress(family, "daddr"), loadProtocol, loadPort]),
];

describe("sets, elements and lookups are those that nft sends", () => {
	const cases: Record<keyof typeof sentForSets, Message | undefined> = {
		"add map inet cni_suite ports4 { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }": addSet({
			...named("ports4"),
			key: ["ipv4_addr", "inet_proto", "inet_service"],
			value: ["ipv4_addr", "inet_service"],
		}),
		"add map inet cni_suite any6 { type inet_proto . inet_service : ipv6_addr . inet_service; }": addSet({
			...named("any6"),
			key: ["inet_proto", "inet_service"],
			value: ["ipv6_addr", "inet_service"],
		}),
		"add map inet cni_suite cond4 { type ipv4_addr . inet_proto . inet_service : verdict; }": addSet({
			...named("cond4"),
			key: ["ipv4_addr", "inet_proto", "inet_service"],
			value: "verdict",
		}),
		"add map inet cni_suite some4 { type ipv4_addr : verdict; size 1000; }": addSet({
			...named("some4"),
			key: ["ipv4_addr"],
			value: "verdict",
			size: 1000,
		}),
		"add set inet cni_suite from4_24 { type ipv4_addr . ipv4_addr; }": addSet({
			...named("from4_24"),
			key: ["ipv4_addr", "ipv4_addr"],
		}),
		"add set inet cni_suite hosts6 { type ipv6_addr; }": addSet({ ...named("hosts6"), key: ["ipv6_addr"] }),
		'add element inet cni_suite ports4 { 192.168.1.1 . tcp . 8080 comment "abc" : 10.1.2.3 . 80 }': addElements(
			named("ports4"),
			[{ key: portKey("192.168.1.1", 6, 8080), value: concatenate([bytes("10.1.2.3"), port(80)]), comment }],
		)[0],
		'add element inet cni_suite cond4 { 192.168.1.1 . udp . 8080 comment "abc" : jump c1 }': addElements(
			named("cond4"),
			[
				{
					key: portKey("192.168.1.1", 17, 8080),
					value: { kind: "verdict", verdict: "jump", chain: "c1" },
					comment,
				},
			],
		)[0],
		'add element inet cni_suite from4_24 { 10.1.2.0 . 10.1.2.3 comment "abc" }': addElements(named("from4_24"), [
			{ key: concatenate([bytes("10.1.2.0"), bytes("10.1.2.3")]), comment },
		])[0],
		"add element inet cni_suite hosts6 { fd00::1 }": addElements(named("hosts6"), [{ key: bytes("fd00::1") }])[0],
		"delete element inet cni_suite ports4 { 192.168.1.1 . tcp . 8080 }": deleteElements(named("ports4"), [
			portKey("192.168.1.1", 6, 8080),
		])[0],
		"add rule inet cni_suite c1 ip daddr . meta l4proto . th dport vmap @cond4": addRule(inC1, {
			expressions: [...byPort(4), { kind: "lookup", set: "cond4", result: "verdict" }],
		}),
		"add rule inet cni_suite c1 dnat ip to ip daddr . meta l4proto . th dport map @ports4": addRule(inC1, {
			expressions: [
				...byPort(4),
				{ kind: "lookup", set: "ports4", result: "value" },
				{ kind: "dnat", family: 4, portAt: 4 },
			],
		}),
		"add rule inet cni_suite c1 dnat ip6 to meta l4proto . th dport map @any6": addRule(inC1, {
			expressions: [
				...concatenated([loadProtocol, loadPort]),
				{ kind: "lookup", set: "any6", result: "value" },
				{ kind: "dnat", family: 6, portAt: 16 },
			],
		}),
		"add rule inet cni_suite c1 fib daddr type local jump c1": addRule(inC1, {
			expressions: [...matchLocalDestination, jumpToC1],
		}),
	};

	test.each(Object.entries(cases))("nft %s", (command, message) => {
		expect(message === undefined ? "" : hexOf(message)).toBe(sentForSets[command as keyof typeof sentForSets]);
	});
});

describe("elements", () => {
	test("are spread over messages, none of which gets longer than an attribute may be", () => {
		const elements = Array.from({ length: 250 }, (_, index) => ({ key: port(index), comment: "c".repeat(128) }));
		const messages = addElements(named("ports4"), elements);
		expect(messages.map((message) => hexOf(message).length / 2 < 65_536)).toEqual([true, true, true]);
	});
});

describe("what the kernel reports is read as it was sent", () => {
	const masqueraded: readonly Expression[] = [
		...matchDestinationNat,
		...concatenated([loadAddress(6, "saddr", { length: 61 }), loadAddress(6, "daddr")]),
		{ kind: "lookup", set: "from6_61", result: "none" },
		{ kind: "masquerade" },
	];
	test.each<[string, readonly Expression[]]>([
		["a lookup with a verdict", [...byPort(4), { kind: "lookup", set: "cond4", result: "verdict" }]],
		[
			"a translation",
			[...byPort(6), { kind: "lookup", set: "ports6", result: "value" }, { kind: "dnat", family: 6, portAt: 16 }],
		],
		["a local destination", [...matchLocalDestination, jumpToC1]],
		["a masqueraded network", masqueraded],
		[
			"an address as it is",
			[
				{ kind: "load", bytes: bytes("10.1.2.3") },
				{ kind: "load", bytes: port(80), at: 16 },
			],
		],
	])("%s", (_, expressions) => {
		const decoded = decodeExpressions(encodeAttributes(encodeExpressions(expressions)));
		expect(decoded).toEqual(expressions);
		expect(sameExpressions(decoded, expressions)).toBe(true);
		expect(sameExpressions(decoded, expressions.slice(1))).toBe(false);
	});

	test("another register is another rule", () => {
		const at = (place: number): Expression[] => [{ kind: "meta", key: "l4proto", at: place }];
		expect(sameExpressions(at(4), at(4))).toBe(true);
		expect(sameExpressions(at(4), at(16))).toBe(false);
		expect(sameExpressions(at(4), [{ kind: "meta", key: "l4proto" }])).toBe(false);
	});
});

test("registers are numbered by 16 bytes where they can be, else by 4", () => {
	expect([0, 4, 8, 12, 16, 20, 32].map(registerAt)).toEqual([1, 9, 10, 11, 2, 13, 3]);
	expect([0, 4, 8, 12, 16, 20, 32].map(registerAt).map(offsetOf)).toEqual([0, 4, 8, 12, 16, 20, 32]);
});

function portKey(address: string, protocol: number, number: number): Uint8Array {
	return concatenate([bytes(address), new Uint8Array([protocol]), port(number)]);
}

function port(number: number): Uint8Array {
	return new Uint8Array([number >> 8, number & 255]);
}

function bytes(text: string): Uint8Array {
	return addressToBytes(parseAddress(text) as IpAddress);
}

function hexOf(message: Message): string {
	return Buffer.from(encodeMessages([message], { sequence: 1, portId: 0 }).subarray(16)).toString("hex");
}
