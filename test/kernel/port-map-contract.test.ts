import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { deleteNamespace, runIn } from "../support/namespace.ts";
import { systemPath } from "../support/paths.ts";
import { createWorld, keptByPortMaps, leftovers, snapshotOf, type World } from "../support/world.ts";
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
const alternate = { network: "alternate", ifName: "net1", containerId: "three" };

/** `CNI-DN-` and the hash of "unit-test" and "one". */
const chain = "CNI-DN-9980bf65f61617e91ffcb";

const mappings = [
	{ protocol: "tcp", hostPort: 8080, containerPort: 80 },
	{ protocol: "tcp", hostPort: 8081, containerPort: 81, hostIP: "192.0.2.1" },
	{ protocol: "udp", hostPort: 8080, containerPort: 82 },
	{ protocol: "sctp", hostPort: 8080, containerPort: 83, hostIP: "2001:db8::1" },
];
const addresses = ["10.1.2.3/24", "fd00::3/61"];

const nftables: Variant = {
	name: "nftables",
	backend: "nftables",
	path: () => systemPath,
	losses: [
		{ command: "nft delete table inet cni_suite", named: 'table "inet cni_suite"' },
		{ command: "nft flush chain inet cni_suite port_maps4", named: 'rule "dnat to map @any_ports4"' },
		{ command: "nft flush chain inet cni_suite ports_output", named: 'chain "ports_output"' },
		{
			command: "nft flush chain inet cni_suite ports_prerouting && nft delete chain inet cni_suite ports_prerouting",
			named: 'chain "ports_prerouting"',
		},
		{ command: "nft flush chain inet cni_suite port_masquerade", named: "@masquerade6_61 masquerade" },
		{ command: "nft flush map inet cni_suite ports4", named: 'tcp port 8081 of 192.0.2.1 of "ports4"' },
		{
			command: "nft delete element inet cni_suite any_ports6 '{ udp . 8080 }'",
			named: 'udp port 8080 of "any_ports6"',
		},
		{ command: "nft flush set inet cni_suite masquerade4_8", named: '10.1.2.3 of "masquerade4_8"' },
	],
	flush: "nft flush ruleset",
};

function iptables(kind: "nft" | "legacy"): Variant {
	const program = `iptables-${kind} -w -t nat`;
	const program6 = `ip6${program.slice(2)}`;
	return {
		name: `iptables-${kind}`,
		backend: "iptables",
		path: (world) => (kind === "legacy" ? legacyPath(world) : systemPath),
		losses: [
			{ command: `${program} -F; ${program} -X ${chain}`, named: `chain "${chain}"` },
			{ command: `${program} -D ${chain} 1`, named: 'rule "-s 10.1.2.0/24 -p tcp -m tcp --dport 8080' },
			{ command: `${program} -D CNI-HOSTPORT-DNAT 1`, named: "-m multiport --dports 8080 -j" },
			{ command: `${program} -D OUTPUT 1`, named: 'in chain "OUTPUT"' },
			{ command: `${program} -F CNI-HOSTPORT-SETMARK`, named: "-j MARK --set-xmark 0x2000/0x2000" },
			{ command: `${program6} -F ${chain}`, named: "-j DNAT --to-destination [fd00::3]:83" },
			{ command: `${program6} -D POSTROUTING 1`, named: "-j CNI-HOSTPORT-MASQ" },
		],
		flush: `${program} -F; ${program} -X; ${program6} -F; ${program6} -X`,
	};
}

describe.each([nftables, iptables("nft"), iptables("legacy")])("port maps with $name", (variant) => {
	let world: World;
	let path: string;
	beforeEach(() => {
		world = createWorld();
		path = variant.path(world);
	});
	afterEach(() => world.dispose());

	const rules = (changes: object = {}) => ({
		backend: variant.backend,
		mappings,
		addresses,
		snat: true,
		markMasqBit: 13,
		...changes,
	});
	const call = (what: string, options: object) => {
		const reply = callFirewall(world, { call: what, ...options }, { path });
		return reply.ok ? "ok" : `${reply.msg}; ${reply.details}`;
	};
	const apply = (attachment: object, changes: object = {}, options: object = {}) =>
		call("applyPortMap", { attachment, rules: rules(changes), ...options });
	const verify = (attachment: object, changes: object = {}) =>
		call("verifyPortMap", { attachment, rules: rules(changes) });
	const remove = (attachment: object) => call("removePortMap", { attachment });
	const sh = (command: string) => runIn(world.host, ["sh", "-c", command]);
	const left = () => leftovers(world, { except: keptByPortMaps });

	/** Another container with ports of its own. */
	const others = {
		mappings: [{ protocol: "tcp", hostPort: 9090, containerPort: 80 }],
		addresses: ["10.1.2.4/24", "fd00::4/61"],
	};

	it("are verified after they were applied, and not before", () => {
		expect(verify(one)).toContain("missing");
		expect(apply(one)).toBe("ok");
		expect(verify(one)).toBe("ok");
		expect(verify(two)).toContain("missing");
	});

	it("do not change when they are applied again", () => {
		apply(one);
		const since = snapshotOf(world);
		expect(apply(one)).toBe("ok");
		expect(leftovers(world, { since })).toEqual([]);
	});

	it.each(variant.losses)("name what is missing after: $command", ({ command, named }) => {
		apply(one);
		sh(command);
		expect(verify(one)).toContain(named);
		expect(apply(one)).toBe("ok");
		expect(verify(one)).toBe("ok");
	});

	it("work again for everybody else too when the next container has come after everything was flushed", () => {
		apply(one);
		sh(variant.flush);
		expect(apply(two, others)).toBe("ok");
		expect(verify(two, others)).toBe("ok");
		expect(verify(one)).toContain("missing");
	});

	it("leave nothing of a container that is removed, and everything of the others", () => {
		apply(two, others);
		apply(one);
		remove(one);
		const since = snapshotOf(world);
		apply(one);
		expect(remove(one)).toBe("ok");
		expect(leftovers(world, { since })).toEqual([]);
		expect(verify(two, others)).toBe("ok");
		expect(remove(two)).toBe("ok");
		expect(left()).toEqual([]);
	});

	it("are removed without complaint where nothing is, and a second time", () => {
		expect(remove(one)).toBe("ok");
		expect(leftovers(world)).toEqual([]);
		apply(one);
		expect(remove(one)).toBe("ok");
		expect(remove(one)).toBe("ok");
		expect(left()).toEqual([]);
	});

	it("are removed when every record is lost", () => {
		apply(one);
		sh(`rm -r ${world.firewallRecords}`);
		expect(verify(one)).toBe("ok");
		expect(remove(one)).toBe("ok");
		expect(left()).toEqual([]);
	});

	it("follow a container to another address, to other ports, and to another backend", () => {
		apply(one);
		const changes = { addresses: ["10.1.2.9/24"], mappings: mappings.slice(0, 2) };
		expect(apply(one, changes)).toBe("ok");
		expect(verify(one, changes)).toBe("ok");
		expect(verify(one)).toContain("missing");
		const other = { ...changes, backend: variant.backend === "nftables" ? "iptables" : "nftables" };
		expect(apply(one, other)).toBe("ok");
		expect(verify(one, other)).toBe("ok");
		expect(remove(one)).toBe("ok");
		expect(left()).toEqual([]);
	});

	it("masquerade as they are told to", () => {
		for (const changes of [{ snat: false }, { masqAll: true }, {}]) {
			expect(verify(one, changes)).toContain("missing");
			expect(apply(one, changes)).toBe("ok");
			expect(verify(one, changes)).toBe("ok");
		}
		expect(remove(one)).toBe("ok");
		expect(left()).toEqual([]);
	});

	describe("a port that somebody holds", () => {
		const tcp = (hostPort: number, hostIP?: string) => ({
			addresses: ["10.1.2.4/24", "fd00::4/61"],
			mappings: [{ protocol: "tcp", hostPort, containerPort: 80, ...(hostIP === undefined ? {} : { hostIP }) }],
		});

		it.each<[string, object]>([
			["the same port", tcp(8080)],
			["one address of a port held at all", tcp(8080, "192.0.2.7")],
			["one IPv6 address of a port held at all", tcp(8080, "2001:db8::7")],
			["all addresses of a port held at one", tcp(8081)],
			["the same address", tcp(8081, "192.0.2.1")],
		])("is refused, and the holder named: %s", (_, wanted) => {
			apply(one, {}, { netns: world.container().path });
			const since = snapshotOf(world);
			expect(apply(two, wanted)).toMatch(
				variant.backend === "nftables"
					? /^Cannot map tcp port 808[01].* of the host: container "one" \(network "unit-test", interface "eth0"\) holds it;/
					: /^Cannot map tcp port 808[01].* of the host: container "one" \(network "unit-test", .*\) holds it;/,
			);
			expect(leftovers(world, { since })).toEqual([]);
		});

		it.each<[string, object]>([
			["another port", tcp(8082)],
			["another address", tcp(8081, "192.0.2.2")],
			["another family", tcp(8081, "2001:db8::1")],
			[
				"another protocol",
				{ ...tcp(1), mappings: [{ protocol: "sctp", hostPort: 8081, containerPort: 80, hostIP: "192.0.2.1" }] },
			],
		])("keeps nobody from %s", (_, wanted) => {
			apply(one);
			expect(apply(two, wanted)).toBe("ok");
			expect(verify(one)).toBe("ok");
			expect(verify(two, wanted)).toBe("ok");
		});

		it("is taken over when the holder's namespace is gone, and the holder's DEL leaves it", () => {
			const container = world.container();
			apply(one, {}, { netns: container.path });
			deleteNamespace(container);
			expect(apply(two, tcp(8080))).toBe("ok");
			expect(verify(two, tcp(8080))).toBe("ok");
			expect(remove(one)).toBe("ok");
			expect(verify(two, tcp(8080))).toBe("ok");
			expect(remove(two)).toBe("ok");
			expect(left()).toEqual([]);
		});

		it("is refused when nothing is known of the holder", () => {
			apply(one);
			sh(`rm -r ${world.firewallRecords}`);
			expect(apply(two, tcp(8080))).toContain("holds it");
		});

		it("is refused whichever backend it is in", () => {
			apply(one);
			const backend = variant.backend === "nftables" ? "iptables" : "nftables";
			expect(apply(two, { ...tcp(8080), backend })).toContain("holds it");
		});
	});

	it("GC removes what has no valid attachment, in its own network only", () => {
		const third = { mappings: [{ protocol: "udp", hostPort: 53, containerPort: 53 }], addresses: ["10.9.2.3/24"] };
		apply(one);
		apply(two, others);
		apply(alternate, third);
		expect(call("collectPortMaps", { network: "unit-test", valid: [two] })).toBe("ok");
		expect(verify(one)).toContain("missing");
		expect(verify(two, others)).toBe("ok");
		expect(verify(alternate, third)).toBe("ok");
		const since = snapshotOf(world);
		expect(call("collectPortMaps", { network: "alternate", valid: [alternate] })).toBe("ok");
		expect(leftovers(world, { since })).toEqual([]);
		for (const network of ["unit-test", "alternate"]) call("collectPortMaps", { network, valid: [] });
		expect(left()).toEqual([]);
	});

	it("are right for everyone when many come and go at once, and one alone gets a port that many want", async () => {
		const attachments = Array.from({ length: 8 }, (_, n) => ({
			attachment: { ...one, containerId: `c${n}` },
			rules: rules({
				mappings: [{ protocol: "tcp", hostPort: 7000 + n, containerPort: 80 }],
				addresses: [`10.1.2.${n + 9}/24`],
			}),
		}));
		const all = (what: string, some: readonly object[]) =>
			Promise.all(some.map((options) => callFirewallAsync(world, { call: what, ...options }, { path })));
		const failed = (replies: readonly { ok: boolean }[]) => replies.filter(({ ok }) => !ok);
		expect(failed(await all("applyPortMap", attachments))).toEqual([]);
		expect(failed(await all("verifyPortMap", attachments))).toEqual([]);
		const [leaving, staying] = [attachments.slice(0, 4), attachments.slice(4)];
		expect(failed(await all("removePortMap", leaving))).toEqual([]);
		expect(failed(await all("verifyPortMap", leaving))).toHaveLength(4);
		expect(failed(await all("verifyPortMap", staying))).toEqual([]);
		const rivals = leaving.map(({ attachment, rules: wanted }, n) => ({
			attachment,
			rules: {
				...wanted,
				mappings: [
					{ protocol: "tcp", hostPort: 80, containerPort: 80, ...(n % 2 === 0 ? {} : { hostIP: "192.0.2.1" }) },
				],
			},
		}));
		// Those who want all addresses, and those who want one, do not meet in the kernel.
		const winners = (await all("applyPortMap", rivals)).filter(({ ok }) => ok);
		expect(winners).toHaveLength(1);
		await all("removePortMap", attachments);
		expect(left()).toEqual([]);
	});
});
