import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { runIn } from "../support/namespace.ts";
import { systemPath } from "../support/paths.ts";
import { createWorld, keptByFirewall, leftovers, snapshotOf, type World } from "../support/world.ts";
import { callFirewall, callFirewallAsync, legacyPath } from "./firewall-driver.ts";

/** One backend as the suite sees it. */
interface Variant {
	readonly name: string;
	readonly backend: "nftables" | "iptables";
	path(world: World): string;
	/** How to take one thing away, and how verify must then name it. */
	readonly losses: readonly (readonly [command: string, named: string])[];
	/** Takes away everything. */
	readonly flush: string;
	/** Whether rules say whose they are. */
	readonly tags: boolean;
}

const one = { network: "unit-test", ifName: "eth0", containerId: "one" };
const two = { network: "unit-test", ifName: "eth0", containerId: "two" };
const addresses = ["10.1.2.3", "fd00::5"];
const isolated = { ingress: { policy: "isolated", bridge: "br0" }, outlet: "br0" };
const sameBridge = { ingress: { policy: "same-bridge", bridge: "br0" }, outlet: "br0" };

const nftables: Variant = {
	name: "nftables",
	backend: "nftables",
	path: () => systemPath,
	tags: true,
	losses: [
		["nft delete table inet cni_suite", 'table "inet cni_suite"'],
		["nft flush chain inet cni_suite forward", 'rule "ip saddr @forward4 accept" in chain "forward"'],
		["nft flush chain inet cni_suite forward_ingress", 'rule "oifname @policy_bridges drop"'],
		["nft delete element inet cni_suite forward4 { 10.1.2.3 }", 'address 10.1.2.3 in set "forward4"'],
		["nft delete element inet cni_suite forward6 { fd00::5 }", 'address fd00::5 in set "forward6"'],
		["nft delete element inet cni_suite policy_bridges { br0 }", 'bridge "br0" in set "policy_bridges"'],
		["nft delete element inet cni_suite isolated_bridges { br0 . br0 }", 'bridge "br0" in set "isolated_bridges"'],
		["nft delete element bridge cni_suite isolated_ports { veth1 }", 'port "veth1" in set "isolated_ports"'],
		["nft flush chain bridge cni_suite forward", 'rule "iifname @isolated_ports oifname @isolated_ports drop"'],
		[
			"nft insert rule inet cni_suite forward accept; nft delete rule inet cni_suite forward handle $(nft -a list chain inet cni_suite forward | grep -o 'handle [0-9]*$' | sed -n '4s/handle //p')",
			'in chain "forward"',
		],
	],
	flush: "nft flush ruleset",
};

function iptables(kind: "nft" | "legacy"): Variant {
	const program = `iptables-${kind} -w`;
	const program6 = `ip6tables-${kind} -w`;
	return {
		name: `iptables-${kind}`,
		backend: "iptables",
		path: (world) => (kind === "legacy" ? legacyPath(world) : systemPath),
		tags: false,
		losses: [
			[`${program} -F FORWARD`, 'rule "-j CNI-FORWARD" in chain "FORWARD"'],
			[`${program} -D FORWARD 1`, 'rule "-j CNI-ISOLATION-STAGE-1" in chain "FORWARD"'],
			[
				`${program} -D FORWARD 2; ${program} -I FORWARD 1 -j CNI-FORWARD`,
				'rule "-j CNI-ISOLATION-STAGE-1" in chain "FORWARD"',
			],
			[`${program} -D CNI-FORWARD 1`, 'rule "-j CNI-ADMIN" in chain "CNI-FORWARD"'],
			[`${program} -D CNI-FORWARD 1; ${program} -X CNI-ADMIN`, 'chain "CNI-ADMIN"'],
			[`${program} -D CNI-FORWARD -s 10.1.2.3 -j ACCEPT`, 'rule "-s 10.1.2.3/32 -j ACCEPT" in chain "CNI-FORWARD"'],
			[`${program6} -D CNI-FORWARD -s fd00::5 -j ACCEPT`, 'rule "-s fd00::5/128 -j ACCEPT" in chain "CNI-FORWARD"'],
			[
				`${program} -D CNI-FORWARD -d 10.1.2.3 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
				'rule "-d 10.1.2.3/32 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"',
			],
			[`${program} -D CNI-FORWARD 4`, 'rule "-o br0 -m conntrack --ctstate DNAT -j ACCEPT"'],
			[`${program} -D CNI-ISOLATION-STAGE-1 1`, 'rule "-i br0 -o br0 -j DROP"'],
			[`${program} -D CNI-ISOLATION-STAGE-1 2`, 'rule "-i br0 ! -o br0 -j CNI-ISOLATION-STAGE-2"'],
			[`${program} -D CNI-ISOLATION-STAGE-2 1`, 'rule "-o br0 -j DROP"'],
			[`${program} -I CNI-ISOLATION-STAGE-2 1 -j RETURN`, 'rule "-o br0 -j DROP"'],
			[`${program} -F CNI-ISOLATION-STAGE-2`, 'rule "-j RETURN" in chain "CNI-ISOLATION-STAGE-2"'],
		],
		flush: [program, program6].map((each) => `${each} -F; ${each} -X`).join("; "),
	};
}

describe.each([nftables, iptables("nft"), iptables("legacy")])("accepting with $name", (variant) => {
	let world: World;
	let path: string;
	beforeEach(() => {
		world = createWorld();
		path = variant.path(world);
	});
	afterEach(() => world.dispose());

	/** What is called `all` has everything that the backend can have. */
	const all = { addresses, ...isolated, ...(variant.tags ? { isolatedPorts: ["veth1"] } : {}) };
	const whole = (call: object) => ({ backend: variant.backend, attachment: one, ...call });
	const options = () => ({ driver: "forward-driver.ts", path });
	const run = (method: string, call: object = {}) => {
		const reply = callFirewall(world, { ...whole(call), method }, options());
		if (!reply.ok) throw new Error(`${reply.msg}; ${reply.details}`);
		return reply.value as readonly string[] | undefined;
	};
	const missing = (call: object) => (run("verify", call) ?? []).join("; ");
	const sh = (command: string) => runIn(world.host, ["sh", "-c", command]);
	const left = () => leftovers(world, { except: keptByFirewall });

	it("is verified after it was applied, and not before", () => {
		expect(missing(all)).not.toBe("");
		run("apply", all);
		expect(missing(all)).toBe("");
		expect(missing({ addresses: ["10.1.2.9"] })).toContain("10.1.2.9");
	});

	it("makes nothing by looking", () => {
		missing(all);
		run("remove", all);
		expect(leftovers(world)).toEqual([]);
	});

	it("changes nothing when it is applied again", () => {
		run("apply", all);
		const since = snapshotOf(world);
		run("apply", all);
		expect(leftovers(world, { since })).toEqual([]);
	});

	it.each(variant.losses)("names what is missing after: %s; and the next ADD mends it", (command, named) => {
		run("apply", all);
		sh(command);
		expect(missing(all)).toContain(named);
		run("apply", all);
		expect(missing(all)).toBe("");
	});

	it("is put back by the next container after everything was flushed", () => {
		run("apply", all);
		sh(variant.flush);
		run("apply", { attachment: two, addresses: ["10.1.2.9"] });
		expect(missing({ attachment: two, addresses: ["10.1.2.9"] })).toBe("");
		expect(missing(all)).toContain("10.1.2.3");
	});

	it("leaves nothing of a container that is removed, and everything of the others", () => {
		const other = { attachment: two, addresses: ["10.1.2.9", "fd00::9"], ...sameBridge };
		run("apply", other);
		const since = snapshotOf(world);
		run("apply", { addresses });
		run("remove", { addresses });
		expect(leftovers(world, { since })).toEqual([]);
		expect(missing(other)).toBe("");
		run("remove", { ...other, abandoned: "br0" });
		expect(left()).toEqual([]);
	});

	it("is removed without complaint where nothing is, and a second time", () => {
		run("remove", all);
		run("apply", all);
		run("remove", { ...all, abandoned: "br0" });
		run("remove", { ...all, abandoned: "br0" });
		expect(left()).toEqual([]);
	});

	it("keeps a bridge isolated until its last container goes", () => {
		run("apply", all);
		run("apply", { attachment: two, addresses: ["10.1.2.9"], ...isolated });
		run("remove", all);
		expect(missing({ attachment: two, addresses: ["10.1.2.9"], ...isolated })).toBe("");
		run("remove", { attachment: two, addresses: ["10.1.2.9"], abandoned: "br0" });
		expect(left()).toEqual([]);
	});

	it("removes what isolates bridges that are gone, and of no other", () => {
		run("apply", all);
		const of = (bridge: string) => ({ ingress: { policy: "same-bridge", bridge }, outlet: bridge });
		run("apply", { attachment: two, addresses: ["10.1.3.9"], ...of("br1") });
		run("removeShared", { gone: ["br0"] });
		expect(missing(all)).toContain("br0");
		expect(missing({ attachment: two, addresses: ["10.1.3.9"], ...of("br1") })).toBe("");
	});

	it("keeps a policy alone where somebody else accepts", () => {
		const policy = { addresses, accept: false, ingress: { policy: "same-bridge", bridge: "br0" } };
		run("apply", policy);
		expect(missing(policy)).toBe("");
		expect(missing({ addresses })).not.toBe("");
		run("remove", { ...policy, abandoned: "br0" });
		expect(left()).toEqual([]);
	});

	it("touches no family that the container has no address of", () => {
		run("apply", { addresses: ["10.1.2.3"] });
		if (variant.backend === "iptables") expect(sh("ip6tables-nft-save; ip6tables-legacy-save")).toBe("");
		expect(missing({ addresses: ["10.1.2.3"] })).toBe("");
	});

	it("is right for everyone when many come and go at once", async () => {
		const containers = Array.from({ length: 12 }, (_, n) => ({
			attachment: { ...one, containerId: `c${n}` },
			addresses: [`10.1.2.${n + 9}`, `fd00::${n + 10}`],
			...sameBridge,
		}));
		const each = async (method: string, some: typeof containers) => {
			const calls = some.map((call) => callFirewallAsync(world, { ...whole(call), method }, options()));
			return (await Promise.all(calls)).filter(({ ok, value }) => !ok || (value as string[] | undefined)?.length);
		};
		expect(await each("apply", containers)).toEqual([]);
		expect(await each("verify", containers)).toEqual([]);
		const [leaving, staying] = [containers.slice(0, 6), containers.slice(6)];
		expect(await each("remove", leaving)).toEqual([]);
		expect(await each("verify", leaving)).toHaveLength(6);
		expect(await each("verify", staying)).toEqual([]);
		// No jump, chain or shared rule twice.
		const saved = sh("iptables-nft-save; ip6tables-nft-save; iptables-legacy-save; ip6tables-legacy-save");
		const rules = saved.split("\n").filter((line) => line.startsWith("-A FORWARD"));
		expect(rules.length).toBe(variant.backend === "iptables" ? 4 : 0);
	});

	if (variant.tags) {
		it("lists what attachments of a network have, and takes an address over from one that is forgotten", () => {
			run("apply", all);
			expect(run("list", { network: "unit-test" })).toEqual([expect.stringContaining("id: one")]);
			expect(run("list", { network: "other" })).toEqual([]);
			run("apply", { attachment: two, addresses });
			expect(missing({ addresses })).toContain("it is there for");
			run("remove", { addresses });
			expect(missing({ attachment: two, addresses })).toBe("");
		});

		it("is found by its tag where the addresses are not known", () => {
			run("apply", all);
			run("remove", { addresses: [], abandoned: "br0" });
			expect(left()).toEqual([]);
		});

		it("leaves an administrator's rules and policy alone", () => {
			run("apply", { addresses });
			sh("nft add rule inet cni_suite forward_admin tcp dport 25 drop");
			sh("nft add chain inet cni_suite forward '{ policy drop; }'");
			sh("nft flush chain inet cni_suite forward");
			run("apply", { addresses });
			const chain = sh("nft list table inet cni_suite");
			expect(chain).toContain("policy drop");
			expect(chain).toContain("tcp dport 25 drop");
		});

		it("is, in the kernel, what nft makes of the same text", () => {
			run("apply", all);
			const list = () =>
				sh("nft --debug=netlink list ruleset")
					// Numbers of rules.
					.replace(/^(\S+ \S+ \S+)( \d+)+/gm, "$1");
			const [ours, text] = [list(), sh("nft list ruleset")];
			sh("nft flush ruleset");
			runIn(world.host, ["nft", "-f", "-"], { input: text });
			expect(list()).toBe(ours);
		});
	}
});
