import { describe, expect, test } from "@jest/globals";
import { canonicalRule } from "../../../lib/firewall/iptables/canonical-rule.ts";
import {
	containerRules,
	jumpRules,
	parseJumpComment,
	portChainOf,
	sharedRules,
} from "../../../lib/firewall/iptables/port-rules.ts";
import type { PortMap, PortMapping, Protocol } from "../../../lib/firewall/port-map-backend.ts";
import { type IpPrefix, parseAddress, parsePrefix } from "../../../lib/ip/address.ts";

/** The vectors of the reference's own tests. */
const containerId =
	"icee6giejonei6sohng6ahngee7laquohquee9shiGo7fohferakah3Feiyoolu2pei7ciPhoh7shaoX6vai3vuf0ahfaeng8yohb9ceu0daez5hashee8ooYai5wa3y";

const mapping = (protocol: Protocol, hostPort: number, containerPort: number, hostIp?: string): PortMapping => ({
	protocol,
	hostPort,
	containerPort,
	hostAddress: hostIp === undefined ? undefined : parseAddress(hostIp),
});

const portMap: PortMap = {
	attachment: { network: "test", containerId, ifName: "eth0" },
	addresses: [prefix("10.0.0.2/24"), prefix("2001:db8::2/64")],
	mappings: [
		mapping("tcp", 8080, 80),
		mapping("tcp", 8081, 80),
		mapping("udp", 8080, 81),
		mapping("udp", 8082, 82),
		mapping("tcp", 8083, 83, "192.168.0.2"),
		mapping("tcp", 8084, 84, "0.0.0.0"),
		mapping("tcp", 8085, 85, "2001:db8:a::1"),
		mapping("tcp", 8086, 86, "::"),
	],
	snat: true,
	masqAll: false,
	conditions: { 4: ["-a", "b"], 6: ["-c", "d"] },
	markMasqBit: 13,
	externalSetMarkChain: undefined,
};

const chain = "CNI-DN-67e92b96e692a494b6b85";
const specifications = (rules: readonly { specification: string }[]) => rules.map(({ specification }) => specification);

describe("port maps in iptables", () => {
	test("chains have the reference's names", () => {
		expect(portChainOf({ network: "testNetName", containerId })).toBe("CNI-DN-bfd599665540dd91d5d28");
		expect(portChainOf(portMap.attachment)).toBe(chain);
	});

	test("jumps name all ports of a protocol, those of the other family's addresses too", () => {
		const comment = `-m comment --comment "dnat name: \\"test\\" id: \\"${containerId}\\""`;
		expect(jumpRules(portMap, 4)).toEqual([
			{
				chain: "CNI-HOSTPORT-DNAT",
				specification: `-p tcp ${comment} -m multiport --dports 8080,8081,8083,8084,8085,8086 -a b -j ${chain}`,
			},
			{
				chain: "CNI-HOSTPORT-DNAT",
				specification: `-p udp ${comment} -m multiport --dports 8080,8082 -a b -j ${chain}`,
			},
		]);
		expect(specifications(jumpRules(portMap, 6))[1]).toMatch(/--dports 8080,8082 -c d -j/);
	});

	test("jumps take 15 ports each", () => {
		const mappings = Array.from({ length: 31 }, (_, index) => mapping("tcp", index + 1, 80));
		const ports = specifications(jumpRules({ ...portMap, mappings }, 4)).map(
			(text) => /--dports (\S+)/.exec(text)?.[1],
		);
		expect(ports.map((list) => list?.split(",").length)).toEqual([15, 15, 1]);
	});

	test("IPv4: two marks and a translation for each mapping that is of the family", () => {
		const rules = specifications(containerRules(portMap, 4));
		expect(rules).toHaveLength(18);
		expect(rules.slice(0, 3)).toEqual([
			"-s 10.0.0.0/24 -p tcp -m tcp --dport 8080 -j CNI-HOSTPORT-SETMARK",
			"-s 127.0.0.1/32 -p tcp -m tcp --dport 8080 -j CNI-HOSTPORT-SETMARK",
			"-p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.0.0.2:80",
		]);
		expect(rules[14]).toBe("-d 192.168.0.2/32 -p tcp -m tcp --dport 8083 -j DNAT --to-destination 10.0.0.2:83");
		expect(rules[17]).toBe("-p tcp -m tcp --dport 8084 -j DNAT --to-destination 10.0.0.2:84");
	});

	test("IPv6: a mark and a translation", () => {
		const rules = specifications(containerRules(portMap, 6));
		expect(rules).toHaveLength(12);
		expect(rules.slice(8)).toEqual([
			"-s 2001:db8::/64 -d 2001:db8:a::1/128 -p tcp -m tcp --dport 8085 -j CNI-HOSTPORT-SETMARK",
			"-d 2001:db8:a::1/128 -p tcp -m tcp --dport 8085 -j DNAT --to-destination [2001:db8::2]:85",
			"-s 2001:db8::/64 -p tcp -m tcp --dport 8086 -j CNI-HOSTPORT-SETMARK",
			"-p tcp -m tcp --dport 8086 -j DNAT --to-destination [2001:db8::2]:86",
		]);
	});

	test("without snat only translations; with masqAll everybody is marked", () => {
		expect(
			specifications(containerRules({ ...portMap, snat: false }, 4)).filter((rule) => /DNAT/.test(rule)),
		).toHaveLength(6);
		expect(containerRules({ ...portMap, snat: false }, 4)).toHaveLength(6);
		expect(specifications(containerRules({ ...portMap, masqAll: true }, 4)).slice(0, 2)).toEqual([
			"-p tcp -m tcp --dport 8080 -j CNI-HOSTPORT-SETMARK",
			"-p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.0.0.2:80",
		]);
	});

	test("an external chain sets the mark, and then there is none of ours", () => {
		const external = { ...portMap, externalSetMarkChain: "PLZ-SET-MARK" };
		expect(specifications(containerRules(external, 4)).slice(0, 2)).toEqual([
			"-s 10.0.0.0/24 -p tcp -m tcp --dport 8080 -j PLZ-SET-MARK",
			"-s 127.0.0.1/32 -p tcp -m tcp --dport 8080 -j PLZ-SET-MARK",
		]);
		expect(sharedRules(external)).toEqual({
			chains: ["CNI-HOSTPORT-DNAT"],
			rules: [
				{ chain: "PREROUTING", specification: "-m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT" },
				{ chain: "OUTPUT", specification: "-m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT" },
			],
		});
	});

	test.each([
		[5, "0x20"],
		[0, "0x1"],
		[31, "0x80000000"],
	])("bit %i is the mark %s", (markMasqBit, mark) => {
		expect(sharedRules({ ...portMap, markMasqBit }).rules.slice(0, 3)).toEqual([
			{
				chain: "CNI-HOSTPORT-SETMARK",
				specification: `-m comment --comment "CNI portfwd masquerade mark" -j MARK --set-xmark ${mark}/${mark}`,
			},
			{ chain: "CNI-HOSTPORT-MASQ", specification: `-m mark --mark ${mark}/${mark} -j MASQUERADE` },
			{
				chain: "POSTROUTING",
				specification: '-m comment --comment "CNI portfwd requiring masquerade" -j CNI-HOSTPORT-MASQ',
				first: true,
			},
		]);
	});

	test("a long comment is cut off where the reference cuts it", () => {
		const attachment = { network: "n".repeat(120), containerId: "c".repeat(200), ifName: "eth0" };
		const [rule = ""] = specifications(jumpRules({ ...portMap, attachment }, 4));
		const comment = /--comment "((?:[^"\\]|\\.)*)"/.exec(rule)?.[1]?.replaceAll('\\"', '"') ?? "";
		expect([comment.length, comment.slice(-5)]).toEqual([256, "cc..."]);
		expect(parseJumpComment(comment)?.network).toBe(attachment.network);
	});
});

describe("the same rule in other words", () => {
	test.each([
		["-p tcp --dport 80 -s 10.1.2.3 -j X", "-s 10.1.2.3/32 -p tcp -m tcp --dport 80 -j X"],
		["-m multiport -p udp --destination-ports 1,2 -j X", "-p udp -m multiport --dports 1,2 -j X"],
		["--source 10.1.2.3/24 ! --in-interface eth0 -j X", "-s 10.1.2.0/24 ! -i eth0 -j X"],
		["-d 2001:DB8:0::1 -j X", "-d 2001:db8::1/128 -j X"],
		['-m comment --comment "a \\"b\\"" -j X', '-m comment --comment "a \\"b\\"" -j X'],
	])("%s is %s", (one, other) => {
		expect(canonicalRule(one)).toBe(canonicalRule(other));
	});

	test.each([
		["-s 10.1.2.3 -d 10.1.2.4 -j X", "-s 10.1.2.4 -d 10.1.2.3 -j X"],
		["! -s 10.1.2.3 -j X", "-s 10.1.2.3 -j X"],
		["-p tcp --dport 80 -j X", "-p udp --dport 80 -j X"],
		["-p tcp --dport 80 -j X", "-p tcp --dport 80 -j Y"],
	])("%s is not %s", (one, other) => {
		expect(canonicalRule(one)).not.toBe(canonicalRule(other));
	});
});

function prefix(text: string): IpPrefix {
	const parsed = parsePrefix(text);
	if (parsed === undefined) throw new Error(text);
	return parsed;
}
