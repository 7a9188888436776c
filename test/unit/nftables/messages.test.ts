import { describe, expect, test } from "@jest/globals";
import { type IpPrefix, parsePrefix } from "../../../lib/ip/address.ts";
import { addChain, listChains } from "../../../lib/netlink/nftables/chain.ts";
import { type Expression, sameExpressions } from "../../../lib/netlink/nftables/expression.ts";
import { matchAddress, matchFamily, matchInputInterface, matchSourceMac } from "../../../lib/netlink/nftables/match.ts";
import { addRule, deleteRule, flushChain, listRules } from "../../../lib/netlink/nftables/rule.ts";
import { addTable } from "../../../lib/netlink/nftables/table.ts";
import { encodeMessages, type Message } from "../../../lib/netlink/wire/message.ts";
import type { NetlinkSocket } from "../../../lib/netlink/wire/socket.ts";
import { received, sent } from "./recorded.ts";

const table = { family: "inet", table: "cni_plugins_masquerade" } as const;
const checks = { ...table, chain: "masq_checks" } as const;
const postrouting = { ...table, chain: "postrouting" } as const;
const bridge = { family: "bridge", table: "nat" } as const;

describe("messages to nf_tables are those that nft sends", () => {
	const verdict = (name: "return" | "drop"): Expression => ({ kind: "verdict", verdict: name });
	const masquerade = (address: string, network: string) => [
		...matchFamily(address.includes(":") ? 6 : 4),
		...matchAddress("saddr", { operator: "==", prefix: prefix(address) }),
		...matchAddress("daddr", { operator: "!=", prefix: prefix(network) }),
		{ kind: "masquerade" } as const,
	];
	const cases: Record<keyof typeof sent, Message> = {
		"add table inet cni_plugins_masquerade { comment … }": addTable(table, {
			comment: "Masquerading for plugins from github.com/containernetworking/plugins",
		}),
		"add chain inet cni_plugins_masquerade masq_checks { comment … }": addChain({
			...checks,
			comment: "Masquerade traffic from certain IPs to any (non-multicast) IP outside their subnet",
		}),
		"add chain inet cni_plugins_masquerade postrouting { type nat hook postrouting priority 100; }": addChain({
			...postrouting,
			hook: { type: "nat", hook: "postrouting", priority: 100 },
		}),
		"flush chain inet cni_plugins_masquerade postrouting": flushChain(postrouting),
		"add rule inet cni_plugins_masquerade postrouting ip daddr == 224.0.0.0/4 return": addRule(postrouting, {
			expressions: [
				...matchFamily(4),
				...matchAddress("daddr", { operator: "==", prefix: prefix("224.0.0.0/4") }),
				verdict("return"),
			],
		}),
		"add rule inet cni_plugins_masquerade postrouting ip6 daddr == ff00::/8 return": addRule(postrouting, {
			expressions: [
				...matchFamily(6),
				...matchAddress("daddr", { operator: "==", prefix: prefix("ff00::/8") }),
				verdict("return"),
			],
		}),
		"add rule inet cni_plugins_masquerade postrouting goto masq_checks": addRule(postrouting, {
			expressions: [{ kind: "verdict", verdict: "goto", chain: "masq_checks" }],
		}),
		'add rule inet cni_plugins_masquerade masq_checks ip saddr == 10.1.2.3 ip daddr != 10.1.2.0/24 masquerade comment "abc, net: x"':
			addRule(checks, { expressions: masquerade("10.1.2.3/32", "10.1.2.3/24"), comment: "abc, net: x" }),
		'add rule inet cni_plugins_masquerade masq_checks ip saddr == 10.1.2.3 ip daddr != 10.1.2.0/22 masquerade comment "b"':
			addRule(checks, { expressions: masquerade("10.1.2.3/32", "10.1.2.3/22"), comment: "b" }),
		'add rule inet cni_plugins_masquerade masq_checks ip6 saddr == fd00::5 ip6 daddr != fd00::/61 masquerade comment "b"':
			addRule(checks, { expressions: masquerade("fd00::5/128", "fd00::5/61"), comment: "b" }),
		'add rule inet cni_plugins_masquerade masq_checks ip6 saddr == fd00::5 ip6 daddr != fd00::/64 masquerade comment "b"':
			addRule(checks, { expressions: masquerade("fd00::5/128", "fd00::5/64"), comment: "b" }),
		"delete rule inet cni_plugins_masquerade masq_checks handle 9": deleteRule(checks, 9n),
		"add table bridge nat": addTable(bridge),
		"add chain bridge nat PREROUTING { type filter hook prerouting priority -300; policy accept; }": addChain({
			...bridge,
			chain: "PREROUTING",
			hook: { type: "filter", hook: "prerouting", priority: -300, policy: "accept" },
		}),
		"add chain bridge nat c1": addChain({ ...bridge, chain: "c1" }),
		'add rule bridge nat PREROUTING iifname "veth1234" jump c1 comment "m"': addRule(
			{ ...bridge, chain: "PREROUTING" },
			{
				expressions: [...matchInputInterface("veth1234"), { kind: "verdict", verdict: "jump", chain: "c1" }],
				comment: "m",
			},
		),
		'add rule bridge nat c1 jump c1-mac comment "m"': addRule(
			{ ...bridge, chain: "c1" },
			{ expressions: [{ kind: "verdict", verdict: "jump", chain: "c1-mac" }], comment: "m" },
		),
		'add rule bridge nat c1-mac ether saddr == 02:00:00:00:00:01 return comment "m"': addRule(
			{ ...bridge, chain: "c1-mac" },
			{ expressions: [...matchSourceMac(new Uint8Array([2, 0, 0, 0, 0, 1])), verdict("return")], comment: "m" },
		),
		'add rule bridge nat c1-mac drop comment "m"': addRule(
			{ ...bridge, chain: "c1-mac" },
			{ expressions: [verdict("drop")], comment: "m" },
		),
	};

	test.each(Object.entries(cases))("nft %s", (command, message) => {
		expect(hexOf(message)).toBe(sent[command as keyof typeof sent]);
	});

	test("message types, and flags that append and create", () => {
		const types = [
			addTable(table),
			addChain(checks),
			addRule(checks, { expressions: [] }),
			deleteRule(checks, 1n),
			flushChain(checks),
		].map(({ type, flags }) => [type, flags]);
		expect(types).toEqual([
			[0xa00, 0],
			[0xa03, 0x400],
			[0xa06, 0xc00],
			[0xa08, 0],
			[0xa08, 0],
		]);
	});
});

describe("rules are read as the kernel reports them", () => {
	test("a masquerade rule with its comment, its handle, and a counter that somebody put in", () => {
		const [rule] = listRules(answering(received.masqueradeRule), checks);
		expect(rule?.handle).toBe(2n);
		expect(rule?.comment).toBe("6fd9, net: a");
		const wanted: Expression[] = [
			...matchFamily(4),
			...matchAddress("saddr", { operator: "==", prefix: prefix("10.1.2.3/32") }),
			...matchAddress("daddr", { operator: "!=", prefix: prefix("10.1.2.3/22") }),
			{ kind: "masquerade" },
		];
		const counter = rule?.expressions.findIndex(({ kind }) => kind === "other") ?? -1;
		expect(rule?.expressions[counter]).toEqual({ kind: "other", name: "counter" });
		expect(sameExpressions(rule?.expressions.toSpliced(counter, 1) ?? [], wanted)).toBe(true);
		expect(sameExpressions(rule?.expressions ?? [], wanted)).toBe(false);
	});

	test("a jump that iptables-nft made", () => {
		const [rule] = listRules(answering(received.iptablesJump), { family: "ip", table: "nat", chain: "POSTROUTING" });
		expect(rule?.handle).toBe(3n);
		expect(rule?.comment).toBe("");
		expect(rule?.expressions.at(-1)).toEqual({ kind: "verdict", verdict: "jump", chain: "CNI-x" });
	});

	test("rules without the wanted text are left out", () => {
		const socket = answering(received.masqueradeRule, received.iptablesJump);
		const handles = (containing: string) => listRules(socket, { ...checks, containing }).map(({ handle }) => handle);
		expect(handles("6fd9")).toEqual([2n]);
		expect(handles('name: "n" id: "')).toEqual([3n]);
		expect(handles("6fd8")).toEqual([]);
	});

	test("chains, of the wanted table only", () => {
		const socket = answering(received.iptablesChain);
		const chain = { table: "nat", name: "CNI-x", hook: undefined, comment: "", uses: 1 };
		expect(listChains(socket, { family: "ip", table: "nat" })).toEqual([chain]);
		expect(listChains(socket, { family: "ip", table: "filter" })).toEqual([]);
	});
});

describe("prefixes that nft does not compare whole", () => {
	test.each([
		["0.0.0.0/0", "payload 4, mask 00000000, compare 00000000"],
		["10.1.2.3/1", "payload 4, mask 80000000, compare 00000000"],
		["10.1.2.3/8", "payload 1, compare 0a"],
		["10.1.2.3/31", "payload 4, mask fffffffe, compare 0a010202"],
		["10.1.2.3/32", "payload 4, compare 0a010203"],
		["2001:db8::1/56", "payload 7, compare 20010db8000000"],
	])("%s", (text, steps) => {
		const described = matchAddress("saddr", { operator: "==", prefix: prefix(text) }).map((expression) => {
			if (expression.kind === "payload") return `payload ${expression.length}`;
			if (expression.kind === "mask") return `mask ${Buffer.from(expression.mask).toString("hex")}`;
			return expression.kind === "compare" ? `compare ${Buffer.from(expression.bytes).toString("hex")}` : "?";
		});
		expect(described.join(", ")).toBe(steps);
	});
});

function prefix(text: string): IpPrefix {
	const parsed = parsePrefix(text);
	if (parsed === undefined) throw new Error(text);
	return parsed;
}

function hexOf(message: Message): string {
	const bytes = encodeMessages([message], { sequence: 1, portId: 0 });
	return Buffer.from(bytes.subarray(16)).toString("hex");
}

/** A socket whose dumps yield the recorded messages. */
function answering(...bodies: readonly string[]): NetlinkSocket {
	const unused = () => {
		throw new Error("not expected");
	};
	return {
		request: unused,
		requestAll: unused,
		find: unused,
		exchange: unused,
		dump: () =>
			bodies.map((body) => ({
				type: 0,
				flags: 0,
				sequence: 1,
				portId: 1,
				body: new Uint8Array(Buffer.from(body, "hex")),
			})),
		[Symbol.dispose]: () => {},
	};
}
