import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "@jest/globals";
import type { Namespace } from "../support/namespace.ts";
import { distribution, tools } from "../support/paths.ts";
import { itUnless } from "../support/skip.ts";
import { ping } from "../support/traffic.ts";
import { createWorld, type World } from "../support/world.ts";
import { shell } from "./bridge-network.ts";
import { legacyPath } from "./firewall-driver.ts";
import { attach, type FirewalledNetwork, neighbourAddresses, neighbourHost } from "./firewall-network.ts";

const itWithStock = itUnless(
	existsSync(join(tools, "firewall")) ? undefined : "the stock plugins are missing: bin/setup --stock",
);
const [stock, ours] = [{ cniPath: tools }, { cniPath: distribution }];

const network = (firewall: object, cniVersion: string): FirewalledNetwork => ({
	name: "n1",
	bridge: "br0",
	subnets: ["10.51.1.0/24", "fd51:1::/64"],
	firewall: { ...firewall },
	cniVersion,
});

const configs: Readonly<Record<string, object>> = {
	"nothing configured": {},
	iptables: { backend: "iptables" },
	"an admin chain": { backend: "iptables", iptablesAdminChainName: "MY-RULES" },
	"same-bridge": { ingressPolicy: "same-bridge" },
	isolated: { backend: "iptables", ingressPolicy: "isolated" },
};

/** The rules that name the container or its bridge, of both kinds of iptables. */
function rulesOf(world: World): string {
	const all = "iptables-nft-save; ip6tables-nft-save; iptables-legacy-save; ip6tables-legacy-save";
	return shell(world.host, `{ ${all}; nft list ruleset; } | grep -E '10\\.51|fd51|br0' || true`);
}

/** Of what the reference leaves for ever: per bridge, and what we leave there so that mapped ports are reached. */
const shared = /^-A (CNI-ISOLATION-STAGE-[12]|CNI-FORWARD) (?!.*(10\.51|fd51))|^\t*(iif|oif)name /;
const withoutShared = (rules: string) => rules.split("\n").filter((line) => line !== "" && !shared.test(line));

describe.each(Object.entries(configs))("a host that changes suites with containers running: %s", (_, keys) => {
	describe.each(["iptables-nft", "iptables-legacy"])("%s", (kind) => {
		const environment = (world: World) => (kind === "iptables-legacy" ? { env: { PATH: legacyPath(world) } } : {});
		const drop = (world: World) =>
			shell(world.host, `${kind} -P FORWARD DROP; ip6${kind.replace("iptables", "tables")} -P FORWARD DROP`);

		for (const cniVersion of ["0.4.0", "1.1.0"]) {
			itWithStock(`what the stock plugin made is ours to CHECK and DEL, version ${cniVersion}`, () => {
				using world = createWorld();
				neighbourHost(world);
				drop(world);
				const env = environment(world);
				const list = network(keys, cniVersion);
				const old = attach(world, list, { containerId: "old", ...stock, ...env });
				expectNeighbours(old);
				const check = old.run("CHECK", ours);
				expect([check.exitCode, check.stdout]).toEqual([0, ""]);
				// A new one beside it.
				const fresh = attach(world, list, { containerId: "fresh", ...env });
				expectNeighbours(fresh);
				expect(old.run("CHECK", ours).exitCode).toBe(0);
				expect(old.run("CHECK", stock).exitCode).toBe(0);
				expect(old.run("DEL", ours).exitCode).toBe(0);
				for (const address of old.addresses) expect(rulesOf(world)).not.toMatch(`${address}/`);
				expect(fresh.run("CHECK", ours).exitCode).toBe(0);
				expectNeighbours(fresh);
				expect(fresh.run("DEL", ours).exitCode).toBe(0);
				expect(withoutShared(rulesOf(world))).toEqual([]);
			});
		}

		itWithStock("what we made is the stock plugin's to CHECK and DEL", () => {
			using world = createWorld();
			neighbourHost(world);
			drop(world);
			const env = environment(world);
			const list = network({ ...keys, backend: "iptables" }, "1.1.0");
			const old = attach(world, list, { containerId: "old", ...env });
			const check = old.run("CHECK", stock);
			expect([check.exitCode, check.stdout]).toEqual([0, ""]);
			const fresh = attach(world, list, { containerId: "fresh", ...stock, ...env });
			expectNeighbours(fresh);
			const before = shell(world.host, `${kind}-save -t filter | grep -c -- '-A FORWARD'`);
			expect(old.run("DEL", stock).exitCode).toBe(0);
			for (const address of old.addresses) expect(rulesOf(world)).not.toMatch(`${address}/`);
			expect(fresh.run("DEL", stock).exitCode).toBe(0);
			expect(withoutShared(rulesOf(world))).toEqual([]);
			// Neither has made a jump a second time.
			expect(Number(before)).toBe("ingressPolicy" in keys ? 2 : 1);
		});
	});
});

/** Both families; not within a second, as the stock plugin leaves an IPv6 address to be finished by the kernel. */
function expectNeighbours({ namespace }: { readonly namespace: Namespace }): void {
	for (const address of neighbourAddresses) {
		expect([address, ping(namespace, address, { count: 3 })]).toEqual([address, true]);
	}
}
