import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { runIn } from "../support/namespace.ts";
import { systemPath } from "../support/paths.ts";
import { itUnless, missingProgram } from "../support/skip.ts";
import { createWorld, leftovers, snapshotOf, type World } from "../support/world.ts";
import { callFirewall, callFirewallAsync, legacyPath } from "./firewall-driver.ts";

/** One backend as the suite sees it. */
interface Variant {
	readonly name: string;
	readonly backend: "nftables" | "iptables";
	path(world: World): string;
	/** How to take one thing away, and what CHECK must then name. */
	readonly losses: readonly { readonly command: string; readonly named: string }[];
	/** Takes away everything. */
	readonly flush: string;
}

const one = { network: "unit-test", ifName: "eth0", containerId: "one" };
const two = { network: "unit-test", ifName: "eth0", containerId: "two" };
const alternate = { network: "alternate", ifName: "net1", containerId: "one" };
const addresses = ["10.1.2.3/24", "10.2.3.4/22", "fd00::5/61"];

/** `CNI-` and the hash of "unit-test" and "one". */
const chain = "CNI-9980bf65f61617e91ffcb025";

const nftables: Variant = {
	name: "nftables",
	backend: "nftables",
	path: () => systemPath,
	losses: [
		{ command: "nft delete table inet cni_plugins_masquerade", named: 'table "inet cni_plugins_masquerade"' },
		{
			command:
				"nft flush chain inet cni_plugins_masquerade postrouting && nft delete chain inet cni_plugins_masquerade postrouting",
			named: 'chain "postrouting"',
		},
		{ command: "nft flush chain inet cni_plugins_masquerade postrouting", named: 'rule "goto masq_checks"' },
		{
			command: "nft delete rule inet cni_plugins_masquerade postrouting handle 3",
			named: "ip daddr 224.0.0.0/4 return",
		},
		{ command: "nft delete rule inet cni_plugins_masquerade postrouting handle 4", named: "ip6 daddr ff00::/8 return" },
		{ command: "nft delete rule inet cni_plugins_masquerade masq_checks handle 7", named: "rule for 10.2.3.4/22" },
		{ command: "nft delete rule inet cni_plugins_masquerade masq_checks handle 8", named: "rule for fd00::5/61" },
	],
	flush: "nft flush ruleset",
};

function iptables(kind: "nft" | "legacy"): Variant {
	const program = `iptables-${kind} -w -t nat`;
	return {
		name: `iptables-${kind}`,
		backend: "iptables",
		path: (world) => (kind === "legacy" ? legacyPath(world) : systemPath),
		losses: [
			{ command: `${program} -F; ${program} -X ${chain}`, named: `chain "${chain}"` },
			{ command: `${program} -F ${chain}`, named: 'rule "-j MASQUERADE"' },
			{ command: `${program} -D ${chain} 1`, named: 'rule "-d 10.2.0.0/22 -j ACCEPT"' },
			{ command: `${program} -D POSTROUTING 2`, named: `rule "-s 10.2.3.4 -j ${chain}"` },
			{ command: `ip6${program.slice(2)} -D POSTROUTING 1`, named: `rule "-s fd00::5 -j ${chain}"` },
		],
		flush: `${program} -F; ${program} -X; ip6${program.slice(2)} -F; ip6${program.slice(2)} -X`,
	};
}

/** What stays when the last container is gone: tables, base chains, and what leads to no rule. */
const kept = [
	/^\+ nft (table|chain) inet cni_plugins_masquerade /,
	/^\+ nft rule inet cni_plugins_masquerade postrouting /,
	/^\+ nft (table|chain) ip6? nat(| PREROUTING| INPUT| OUTPUT| POSTROUTING) \{/,
	/^\+ iptables nat (\*nat|:(PREROUTING|INPUT|OUTPUT|POSTROUTING) ACCEPT)/,
];

describe.each([nftables, iptables("nft"), iptables("legacy")])("masquerade with $name", (variant) => {
	let world: World;
	let path: string;
	beforeEach(() => {
		world = createWorld();
		path = variant.path(world);
	});
	afterEach(() => world.dispose());

	const call = (what: string, options: object) => {
		const reply = callFirewall(world, { call: what, backend: variant.backend, ...options }, { path });
		return reply.ok ? "ok" : `${reply.msg}; ${reply.details}`;
	};
	const apply = (attachment: object, of: readonly string[] = addresses) =>
		call("applyMasquerade", { attachment, addresses: of });
	const verify = (attachment: object, of: readonly string[] = addresses) =>
		call("verifyMasquerade", { attachment, addresses: of });
	const sh = (command: string) => runIn(world.host, ["sh", "-c", command]);
	const left = () => leftovers(world, { except: kept });

	it("is verified after it was applied, and not before", () => {
		expect(verify(one)).toContain("missing");
		expect(apply(one)).toBe("ok");
		expect(verify(one)).toBe("ok");
		expect(verify(two)).toContain("missing");
	});

	it("changes nothing when it is applied again", () => {
		apply(one);
		const since = snapshotOf(world);
		expect(apply(one)).toBe("ok");
		expect(leftovers(world, { since })).toEqual([]);
	});

	it.each(variant.losses)("names what is missing after: $command", ({ command, named }) => {
		apply(one);
		const since = snapshotOf(world);
		sh(command);
		expect(verify(one)).toContain(named);
		expect(apply(one)).toBe("ok");
		expect(verify(one)).toBe("ok");
		expect(
			leftovers(world, { since }).filter((line) => !line.includes("POSTROUTING") && !line.includes(chain)),
		).toEqual([]);
	});

	it("is put back by the next container after everything was flushed", () => {
		apply(one);
		sh(variant.flush);
		expect(apply(two, ["10.1.2.9/24"])).toBe("ok");
		expect(verify(two, ["10.1.2.9/24"])).toBe("ok");
		expect(verify(one)).toContain("missing");
	});

	it("leaves nothing of a container that is removed, and everything of the others", () => {
		apply(two, ["10.1.2.9/24", "fd00::9/61"]);
		const since = snapshotOf(world);
		apply(one);
		expect(call("removeMasquerade", { attachment: one })).toBe("ok");
		expect(leftovers(world, { since })).toEqual([]);
		expect(verify(two, ["10.1.2.9/24", "fd00::9/61"])).toBe("ok");
		expect(call("removeMasquerade", { attachment: two })).toBe("ok");
		expect(left()).toEqual([]);
	});

	it("is removed without complaint where nothing is, and a second time", () => {
		expect(call("removeMasquerade", { attachment: one })).toBe("ok");
		expect(leftovers(world)).toEqual([]);
		apply(one);
		expect(call("removeMasquerade", { attachment: one })).toBe("ok");
		expect(call("removeMasquerade", { attachment: one })).toBe("ok");
		expect(left()).toEqual([]);
	});

	it("is removed from the other backend too", () => {
		apply(one);
		const other = variant.backend === "nftables" ? "iptables" : "nftables";
		expect(callFirewall(world, { call: "removeMasquerade", attachment: one, backend: other }).ok).toBe(true);
		expect(left()).toEqual([]);
	});

	it("keeps the second interface of a container on the same network when the addresses are told", () => {
		const eth1 = { ...one, ifName: "eth1" };
		apply(one, ["10.1.2.3/24"]);
		apply(eth1, ["10.1.2.4/24"]);
		expect(call("removeMasquerade", { attachment: one, addresses: ["10.1.2.3/24"] })).toBe("ok");
		expect(verify(eth1, ["10.1.2.4/24"])).toBe("ok");
		expect(call("removeMasquerade", { attachment: eth1, addresses: ["10.1.2.4/24"] })).toBe("ok");
		expect(left()).toEqual([]);
	});

	it("GC removes what has no valid attachment, in its own network only", () => {
		apply(one, ["10.1.2.3/24", "fd00::3/64"]);
		apply(two, ["10.1.2.4/24"]);
		apply(alternate, ["10.9.2.3/24"]);
		expect(call("collectMasquerade", { network: "unit-test", valid: [two] })).toBe("ok");
		expect(verify(one, ["10.1.2.3/24"])).toContain("missing");
		expect(verify(two, ["10.1.2.4/24"])).toBe("ok");
		expect(verify(alternate, ["10.9.2.3/24"])).toBe("ok");
		const since = snapshotOf(world);
		expect(call("collectMasquerade", { network: "alternate", valid: [alternate] })).toBe("ok");
		expect(leftovers(world, { since })).toEqual([]);
		for (const network of ["unit-test", "alternate"]) call("collectMasquerade", { network, valid: [] });
		expect(left()).toEqual([]);
	});

	it("is right for everyone when many come and go at once", async () => {
		const attachments = Array.from({ length: 10 }, (_, n) => ({
			...one,
			containerId: `c${n}`,
			address: `10.1.2.${n + 9}/24`,
		}));
		const all = (what: string, some: typeof attachments) =>
			Promise.all(
				some.map(({ address, ...attachment }) =>
					callFirewallAsync(
						world,
						{ call: what, backend: variant.backend, attachment, addresses: [address] },
						{ path },
					),
				),
			);
		const failed = (replies: readonly { ok: boolean }[]) => replies.filter(({ ok }) => !ok);
		expect(failed(await all("applyMasquerade", attachments))).toEqual([]);
		expect(failed(await all("verifyMasquerade", attachments))).toEqual([]);
		const [leaving, staying] = [attachments.slice(0, 5), attachments.slice(5)];
		expect(failed(await all("removeMasquerade", leaving))).toEqual([]);
		expect(failed(await all("verifyMasquerade", leaving))).toHaveLength(5);
		expect(failed(await all("verifyMasquerade", staying))).toEqual([]);
		expect(failed(await all("removeMasquerade", staying))).toEqual([]);
		expect(left()).toEqual([]);
	});
});

describe("masquerade", () => {
	it("refuses an unknown backend, also the empty one", () => {
		const world = createWorld();
		try {
			expect(callFirewall(world, { call: "choose", backend: "ipfw" })).toMatchObject({
				code: 7,
				msg: 'unknown ipmasq backend "ipfw"',
			});
			expect(callFirewall(world, { call: "choose", backend: "" }).msg).toBe('unknown ipmasq backend ""');
		} finally {
			world.dispose();
		}
	});

	itUnless(missingProgram("strace"))(
		"falls back to iptables on a kernel without nf_tables, and says so when told not to",
		() => {
			const world = createWorld();
			try {
				const path = legacyPath(world);
				// The kernel's answer where nothing of netfilter's netlink is built in.
				const wrapper = ["strace", "-qq", "-o", "/dev/null", "-e", "inject=socket:error=EPROTONOSUPPORT"];
				const call = (what: string, backend: string) =>
					callFirewall(world, { call: what, backend, attachment: one, addresses }, { path, wrapper });
				expect(call("applyMasquerade", "nftables")).toMatchObject({
					msg: "Cannot read or change the nftables ruleset: socket: protocol not supported",
					details: expect.stringContaining("modprobe"),
				});
				expect(call("applyMasquerade", "automatic").ok).toBe(true);
				expect(call("verifyMasquerade", "automatic").ok).toBe(true);
				expect(runIn(world.host, ["iptables-legacy-save", "-t", "nat"])).toContain("MASQUERADE");
				expect(call("removeMasquerade", "automatic").ok).toBe(true);
				expect(leftovers(world, { except: kept })).toEqual([]);
			} finally {
				world.dispose();
			}
		},
	);

	it("replaces the rules of an earlier address of the same attachment", () => {
		const world = createWorld();
		try {
			const apply = (address: string) =>
				callFirewall(world, { call: "applyMasquerade", backend: "automatic", attachment: one, addresses: [address] });
			apply("10.1.2.3/24");
			apply("10.1.2.4/24");
			const rules = runIn(world.host, ["nft", "list", "chain", "inet", "cni_plugins_masquerade", "masq_checks"]);
			expect(rules).not.toContain("10.1.2.3");
			expect(rules).toContain(
				'ip saddr 10.1.2.4 ip daddr != 10.1.2.0/24 masquerade comment "6fd94d501e58f0aa-287fc69eff0574a2, net: unit-test, if: eth0, id: one"',
			);
		} finally {
			world.dispose();
		}
	});

	it("is, in the kernel, what nft makes of the reference's script", () => {
		const [ours, theirs] = [createWorld(), createWorld()];
		try {
			callFirewall(ours, { call: "applyMasquerade", backend: "nftables", attachment: one, addresses });
			const comment = '"6fd94d501e58f0aa-287fc69eff0574a2, net: unit-test, if: eth0, id: one"';
			const rule = (family: string, address: string, network: string) =>
				`add rule inet cni_plugins_masquerade masq_checks ${family} saddr == ${address} ${family} daddr != ${network} masquerade comment ${comment}`;
			runIn(theirs.host, ["nft", "-f", "-"], {
				input: [
					'add table inet cni_plugins_masquerade { comment "Masquerading for plugins from github.com/containernetworking/plugins" ; }',
					'add chain inet cni_plugins_masquerade masq_checks { comment "Masquerade traffic from certain IPs to any (non-multicast) IP outside their subnet" ; }',
					"add chain inet cni_plugins_masquerade postrouting { type nat hook postrouting priority 100 ; }",
					"flush chain inet cni_plugins_masquerade postrouting",
					"add rule inet cni_plugins_masquerade postrouting ip daddr == 224.0.0.0/4  return",
					"add rule inet cni_plugins_masquerade postrouting ip6 daddr == ff00::/8  return",
					"add rule inet cni_plugins_masquerade postrouting goto masq_checks",
					rule("ip", "10.1.2.3", "10.1.2.0/24"),
					rule("ip", "10.2.3.4", "10.2.0.0/22"),
					rule("ip6", "fd00::5", "fd00::/61"),
				].join("\n"),
			});
			for (const format of [["-a"], ["-j"], ["--debug=netlink"]]) {
				const list = (world: World) => runIn(world.host, ["nft", ...format, "list", "ruleset"]);
				const plain = (text: string) => text.replace(/# handle \d+/g, "#").replace(/"handle": \d+/g, "");
				expect(plain(list(ours))).toBe(plain(list(theirs)));
			}
		} finally {
			ours.dispose();
			theirs.dispose();
		}
	});
});
