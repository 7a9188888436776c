import { join } from "node:path";
import { describe, expect } from "@jest/globals";
import { attemptIn } from "../support/namespace.ts";
import { distribution } from "../support/paths.ts";
import { itUnless, missingProgram } from "../support/skip.ts";
import { pingAll } from "../support/traffic.ts";
import { createWorld, type World } from "../support/world.ts";
import { shell } from "./bridge-network.ts";
import { attach, type FirewalledNetwork, neighbourAddresses, neighbourHost } from "./firewall-network.ts";
import { startFirewalld } from "./firewalld.ts";

const itWithFirewalld = itUnless(missingProgram("firewalld") ?? missingProgram("dbus-daemon"));
const minute = 60_000;

const network = (firewall: object = {}): FirewalledNetwork => ({
	name: "n1",
	bridge: "br0",
	subnets: ["10.52.1.0/24", "fd52:1::/64"],
	firewall: { zone: "an ignored key", ...firewall },
});

const sources = "10.52.1.2/32 fd52:1::2/128";

describe("firewall on a host with firewalld", () => {
	itWithFirewalld(
		"finds it by its name on the bus, gives the addresses to the zone trusted, and takes them back",
		async () => {
			using world = createWorld();
			neighbourHost(world);
			await using firewalld = await startFirewalld(world);
			const { env } = firewalld;
			const container = attach(world, network(), { containerId: "c1", env });
			expect(firewalld.command("--zone=trusted --list-sources")).toBe(sources);
			expect(pingAll(container.namespace, neighbourAddresses)).toEqual([true, true]);
			expect(container.run("ADD").json).toMatchObject({
				ips: [{ address: "10.52.1.2/24" }, { address: "fd52:1::2/64" }],
			});
			expect(container.run("CHECK").stdout).toBe("");
			expect(container.run("STATUS").stdout).toBe("");
			expect(container.run("DEL").exitCode).toBe(0);
			expect(container.run("DEL").exitCode).toBe(0);
			expect(firewalld.command("--zone=trusted --list-sources")).toBe("");
			expect(pingAll(container.namespace, neighbourAddresses)).toEqual([false, false]);
		},
		minute,
	);

	itWithFirewalld(
		"CHECK believes its answers, ADD refuses what another zone has, and reload brings back what a reload lost",
		async () => {
			using world = createWorld();
			await using firewalld = await startFirewalld(world);
			const { env } = firewalld;
			const container = attach(world, network({ firewalldZone: "internal" }), { containerId: "c1", env });
			expect(firewalld.command("--zone=internal --list-sources")).toBe(sources);

			firewalld.command("--reload");
			expect(firewalld.command("--zone=internal --list-sources")).toBe("");
			expect(container.run("CHECK").error?.msg).toContain("address 10.52.1.2/32 in internal zone of firewalld");
			const reload = attemptIn(world.host, [join(distribution, "cnictl"), "firewall", "reload"], { env });
			expect([reload.exitCode, reload.stdout]).toEqual([0, expect.stringContaining("restored")]);
			expect(container.run("CHECK").stdout).toBe("");

			firewalld.command("--zone=internal --remove-source=10.52.1.2/32");
			firewalld.command("--zone=public --add-source=10.52.1.2/32");
			expect(container.run("CHECK").error?.msg).toContain("address 10.52.1.2/32 in internal zone of firewalld");
			expect(container.run("ADD").error).toMatchObject({
				msg: 'failed to add the address 10.52.1.2/32 to internal zone: it is in zone "public"',
				details: expect.stringContaining("firewall-cmd --zone=public --remove-source=10.52.1.2/32"),
			});
			expect(container.run("DEL").exitCode).toBe(0);
			expect(firewalld.command("--zone=public --list-sources")).toBe("10.52.1.2/32");
		},
		minute,
	);

	itWithFirewalld(
		"without prevResult, and by GC, what is recorded is removed",
		async () => {
			using world = createWorld();
			await using firewalld = await startFirewalld(world);
			const { env } = firewalld;
			const one = attach(world, network(), { containerId: "c1", env });
			const two = attach(world, network(), { containerId: "c2", env });
			expect(one.run("DEL", { with: { prevResult: undefined }, netns: undefined }).exitCode).toBe(0);
			expect(firewalld.command("--zone=trusted --list-sources")).toBe("10.52.1.3/32 fd52:1::3/128");
			const list = { prevResult: undefined, "cni.dev/valid-attachments": [] };
			expect(two.run("GC", { with: list }).exitCode).toBe(0);
			expect(firewalld.command("--zone=trusted --list-sources")).toBe("");
		},
		minute,
	);

	itWithFirewalld(
		"keeps ingress policies itself",
		async () => {
			using world = createWorld();
			await using firewalld = await startFirewalld(world);
			const { env } = firewalld;
			const policy = network({ ingressPolicy: "isolated" });
			const one = attach(world, policy, { containerId: "c1", env });
			const two = attach(world, policy, { containerId: "c2", env });
			expect(pingAll(one.namespace, two.addresses)).toEqual([false, false]);
			expect(one.run("CHECK").stdout).toBe("");
			for (const container of [one, two]) expect(container.run("DEL").exitCode).toBe(0);
			expect(shell(world.host, "nft list tables; nft list table inet cni_suite")).not.toMatch(/br0|10\.52/);
		},
		minute,
	);

	itWithFirewalld(
		"DEL succeeds when it is gone, and when the bus is; ADD that asks for it says what is wrong",
		async () => {
			using world = createWorld();
			await using firewalld = await startFirewalld(world);
			const { env } = firewalld;
			const asked = network({ backend: "firewalld" });
			const one = attach(world, asked, { containerId: "c1", env });
			const two = attach(world, asked, { containerId: "c2", env });
			expect(one.run("STATUS", { with: { firewalldZone: "no-such" } }).error).toMatchObject({
				code: 50,
				msg: expect.stringContaining("firewalld refuses: INVALID_ZONE"),
			});
			await firewalld.stop();
			expect(one.run("CHECK").error?.msg).toContain("Cannot speak with firewalld: ");
			expect(one.run("STATUS").error).toMatchObject({ code: 50, msg: expect.stringContaining("Cannot speak with") });
			expect(one.run("DEL").stdout).toBe("");
			await firewalld.stopBus();
			expect(two.run("DEL").stdout).toBe("");
			expectNoRecords(world);
			expect(one.run("ADD").error).toMatchObject({
				msg: "Cannot speak with firewalld: connect: no such file or directory",
				details: expect.stringContaining("systemctl start firewalld"),
			});
			expectNoRecords(world);
		},
		minute,
	);
});

function expectNoRecords(world: World): void {
	expect(shell(world.host, `find ${world.firewallRecords} -path '*/forward/*'`)).toBe("");
}
