import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { attemptIn, type Namespace, runIn } from "../support/namespace.ts";
import { mustRunPlugin } from "../support/run-plugin.ts";
import { httpGet, ping, pingAll, serve } from "../support/traffic.ts";
import { createWorld, type World } from "../support/world.ts";
import { shell } from "./bridge-network.ts";
import { attach, type FirewalledNetwork, neighbourAddresses, neighbourHost } from "./firewall-network.ts";

const subnets = ["10.50.1.0/24", "fd50:1::/64"];
const network = (firewall: object): FirewalledNetwork => ({
	name: "n1",
	bridge: "br0",
	subnets,
	firewall: { ...firewall },
});

/** Hosts that drop what nobody accepts, and the backend that helps there. */
const hosts: Readonly<Record<string, { drop: string; keys: object; accepted: string }>> = {
	"whose iptables drops; the backend is chosen": {
		drop: "iptables -P FORWARD DROP; ip6tables -P FORWARD DROP",
		keys: {},
		accepted: "iptables-save",
	},
	"whose iptables drops; iptables is asked for": {
		drop: "iptables -P FORWARD DROP; ip6tables -P FORWARD DROP",
		keys: { backend: "iptables" },
		accepted: "iptables-save",
	},
	"whose iptables rejects by a rule": {
		drop: "iptables -A FORWARD -j REJECT; ip6tables -A FORWARD -j REJECT",
		keys: {},
		accepted: "iptables-save",
	},
	"whose iptables-legacy drops; the backend is chosen": {
		drop: "iptables-legacy -P FORWARD DROP; ip6tables-legacy -P FORWARD DROP",
		keys: {},
		accepted: "iptables-legacy-save",
	},
	"whose filter is our own chain, with policy drop": {
		drop: [
			"nft add table inet cni_suite",
			"nft add chain inet cni_suite forward '{ type filter hook forward priority 0; policy drop; }'",
		].join("; "),
		keys: { backend: "nftables" },
		accepted: "nft list ruleset",
	},
};

describe.each(Object.entries(hosts))("firewall on a host %s", (_, { drop, keys, accepted }) => {
	let world: World;
	let outside: Namespace;
	beforeEach(() => {
		world = createWorld();
		outside = neighbourHost(world);
		shell(world.host, drop);
	});
	afterEach(() => world.dispose());

	it("forwards what a container sends, and answers; nothing else; and nothing after DEL", () => {
		const container = attach(world, network(keys), { containerId: "c1" });
		expect(pingAll(container.namespace, neighbourAddresses)).toEqual([true, true]);
		expect(pingAll(outside, container.addresses)).toEqual([false, false]);
		expect(shell(world.host, accepted)).toContain(container.addresses[0]);
		expect(container.run("CHECK").exitCode).toBe(0);
		expect(container.run("DEL").exitCode).toBe(0);
		expect(shell(world.host, accepted)).not.toContain(container.addresses[0]);
		expect(pingAll(container.namespace, neighbourAddresses)).toEqual([false, false]);
	});

	it("lets in what comes to mapped ports, and nothing else", async () => {
		const container = attach(world, network(keys), { containerId: "c1" });
		const portMappings = [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }];
		const portmap = { cniVersion: "1.1.0", name: "n1", type: "portmap", runtimeConfig: { portMappings } };
		const config = { ...portmap, prevResult: container.result };
		const call = { world, type: "portmap", netns: container.namespace, containerId: "c1", config };
		mustRunPlugin({ ...call, command: "ADD" });
		await using _ = await serve(container.namespace, { port: 80, body: "inside" });
		expect(httpGet(outside, "http://192.0.2.1:8080/")).toBe("inside");
		expect(httpGet(outside, "http://[2001:db8:9::1]:8080/")).toBe("inside");
		expect(httpGet(outside, `http://${container.addresses[0]}/`, { timeoutSeconds: 1 })).toBe(undefined);
	});
});

describe("firewall on a host whose own nftables chain drops", () => {
	const chain = `table inet admin {
		chain forward {
			type filter hook forward priority 10; policy drop;
		}
	}`;

	it("cannot help: no table's accept counts in another; the line of its page in that chain does", () => {
		using world = createWorld();
		neighbourHost(world);
		runIn(world.host, ["nft", "-f", "-"], { input: chain });
		for (const backend of ["nftables", "iptables"]) {
			const container = attach(world, network({ backend }), { containerId: backend });
			expect(ping(container.namespace, neighbourAddresses[0], { timeoutSeconds: 1 })).toBe(false);
			const status = container.run("STATUS");
			expect(status.exitCode).toBe(0);
			expect(status.stderr).toContain('chain "forward" of table "inet admin" has policy drop');
			shell(world.host, "nft add rule inet admin forward iifname br0 accept");
			shell(world.host, "nft add rule inet admin forward oifname br0 ct state established,related accept");
			for (const address of neighbourAddresses) expect(ping(container.namespace, address)).toBe(true);
			expect(container.run("STATUS").stderr).toContain("has policy drop");
			shell(world.host, "nft flush chain inet admin forward");
			container.remove();
		}
	});
});

describe("the choice of a backend", () => {
	const choices: Readonly<Record<string, readonly [prepare: string, shown: string]>> = {
		"nftables where nobody filters": ["true", "nft list set inet cni_suite forward4"],
		"nftables where iptables has tables, but no rules": [
			"iptables -A FORWARD -j ACCEPT; iptables -F FORWARD; ip6tables -A FORWARD -j ACCEPT; ip6tables -F FORWARD",
			"nft list set inet cni_suite forward4",
		],
		"iptables where FORWARD has a rule": ["iptables -A FORWARD -p icmp -j ACCEPT", "iptables -S CNI-FORWARD"],
		"iptables where only IPv6 is filtered": ["ip6tables -P FORWARD DROP", "iptables -S CNI-FORWARD"],
	};

	it.each(Object.entries(choices))("is %s", (_, [prepare, shown]) => {
		using world = createWorld();
		shell(world.host, prepare);
		const container = attach(world, network({}), { containerId: "c1" });
		expect(shell(world.host, shown)).toContain(container.addresses[0]);
	});

	it("is automatic for a word that nobody knows, which is said", () => {
		using world = createWorld();
		const container = attach(world, network({ backend: "ipfw" }), { containerId: "c1" });
		expect(shell(world.host, "nft list set inet cni_suite forward4")).toContain(container.addresses[0]);
		expect(container.run("CHECK").stderr).toContain('"backend" is "ipfw", not "iptables", "nftables" or "firewalld"');
	});

	it("needs ip6tables only for IPv6", () => {
		using world = createWorld();
		shell(world.host, `mkdir ${world.directory}/bin; ln -s $(command -v iptables-restore) ${world.directory}/bin/`);
		const fours = { ...network({ backend: "iptables" }), subnets: ["10.50.1.0/24"] };
		const trace = ["strace", "-f", "-qq", "-e", "trace=execve", "-o", `${world.directory}/trace`];
		attach(world, fours, { containerId: "c1", wrapper: trace });
		const programs = shell(world.host, `grep -o 'execve("[^"]*"' ${world.directory}/trace`).trim().split("\n");
		expect(programs.slice(1)).toEqual([expect.stringContaining("/iptables-restore")]);
	});

	it("asks CHECK for what counts now: a host that began to filter with iptables drops", () => {
		using world = createWorld();
		neighbourHost(world);
		const container = attach(world, network({}), { containerId: "c1" });
		shell(world.host, "iptables -P FORWARD DROP");
		expect(ping(container.namespace, neighbourAddresses[0], { timeoutSeconds: 1 })).toBe(false);
		const { error } = container.run("CHECK");
		expect(error?.msg).toContain('chain "CNI-FORWARD" of iptables table "filter"');
		expect(container.run("ADD").exitCode).toBe(0);
		expect(ping(container.namespace, neighbourAddresses[0])).toBe(true);
		expect(container.run("DEL").exitCode).toBe(0);
		expect(shell(world.host, "iptables-save; nft list ruleset")).not.toContain("10.50.1.");
	});
});

describe("ingress policies", () => {
	const bridges = [
		["nftables", "on", { backend: "nftables" }],
		["nftables", "off", { backend: "nftables" }],
		["iptables", "on", { backend: "iptables" }],
		["iptables", "off", { backend: "iptables" }],
	] as const;
	const foo = { name: "foo", bridge: "foo", subnets: ["10.88.3.0/24", "fd88:3::/64"] };
	const bar = { name: "bar", bridge: "bar", subnets: ["10.88.4.0/24", "fd88:4::/64"] };
	const bridgeKeys = { isGateway: true, isDefaultGateway: true, ipMasq: true, hairpinMode: true };

	describe.each(bridges)("through %s, br_netfilter %s", (_backend, filtering, keys) => {
		const value = filtering === "on" ? 1 : 0;
		const prepare = (world: World) =>
			shell(
				world.host,
				`sysctl -qw net.bridge.bridge-nf-call-iptables=${value} net.bridge.bridge-nf-call-ip6tables=${value}`,
			);
		const three = (world: World, policy: string) => {
			prepare(world);
			const firewall = { ...keys, ingressPolicy: policy };
			const options = { firewall, bridgeKeys, cniVersion: "1.0.0" };
			return [
				attach(world, { ...foo, ...options }, { containerId: "test-cni-firewall-0" }),
				attach(world, { ...foo, ...options }, { containerId: "test-cni-firewall-1" }),
				attach(world, { ...bar, ...options }, { containerId: "test-cni-firewall-2" }),
			] as const;
		};
		/** For each container, whether it reaches the others at both of their addresses. */
		const reaches = (containers: ReturnType<typeof three>) =>
			containers.map(({ namespace }) => {
				const answers = pingAll(
					namespace,
					containers.flatMap(({ addresses }) => addresses),
				);
				return containers.map((_, to) => answers.slice(2 * to, 2 * to + 2).join());
			});
		const [yes, no] = ["true,true", "false,false"];

		it("same-bridge: only the same bridge is reached", () => {
			using world = createWorld();
			const containers = three(world, "same-bridge");
			expect(reaches(containers)).toEqual([
				[yes, yes, no],
				[yes, yes, no],
				[no, no, yes],
			]);
			for (const container of containers) expect(container.run("CHECK").exitCode).toBe(0);
		});

		it("isolated: nobody is reached, but the world outside is, and reaches back", () => {
			using world = createWorld();
			const outside = neighbourHost(world);
			const containers = three(world, "isolated");
			expect(reaches(containers)).toEqual([
				[yes, no, no],
				[no, yes, no],
				[no, no, yes],
			]);
			const [first] = containers;
			expect(ping(first.namespace, neighbourAddresses[0])).toBe(true);
			expect(ping(outside, first.addresses[0] ?? "")).toBe(true);
			for (const container of containers) expect(container.run("CHECK").exitCode).toBe(0);
		});

		it("isolated: not by way of the gateway either", () => {
			using world = createWorld();
			const [first, second] = three(world, "isolated");
			const target = second.addresses[0] ?? "";
			shell(first.namespace, `ip route add ${target} via 10.88.3.1`);
			shell(world.host, "sysctl -qw net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.foo.send_redirects=0");
			expect(ping(first.namespace, target, { timeoutSeconds: 1 })).toBe(false);
		});

		it("DEL of all of them takes every trace of bridges and containers", () => {
			using world = createWorld();
			const containers = three(world, "isolated");
			for (const container of containers) container.remove();
			const everything = shell(world.host, "nft list ruleset; iptables-save; ip6tables-save");
			expect(everything).not.toMatch(/10\.88|fd88|foo|bar|veth/);
			expect(attemptIn(world.host, ["find", world.firewallRecords, "-path", "*/forward/*"]).stdout).toBe("");
		});
	});

	it("open: everybody is reached", () => {
		using world = createWorld();
		const options = { firewall: { ingressPolicy: "open" }, bridgeKeys };
		const first = attach(world, { ...foo, ...options }, { containerId: "c1" });
		const other = attach(world, { ...bar, ...options }, { containerId: "c2" });
		for (const address of other.addresses) expect(ping(first.namespace, address, { count: 5 })).toBe(true);
	});
});
