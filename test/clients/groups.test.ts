import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { groupsNetwork, type Member } from "../kernel/groups-network.ts";
import { attemptIn, deleteNamespace, runIn } from "../support/namespace.ts";
import { distribution } from "../support/paths.ts";
import { ping } from "../support/traffic.ts";
import { createWorld, type World } from "../support/world.ts";

/** A name as no operator would choose it: of two lines, with a character that reverses what follows. */
const odd = "d\n\u202eb";
const oddShown = '"d\\n\\u{202e}b"';

let world: World;
let members: Record<"blue" | "green" | "red" | "plain", Member>;

beforeEach(() => {
	world = createWorld();
	const network = groupsNetwork(world, { config: { outside: "closed" } });
	members = {
		blue: network.attach({ groups: ["web"] }),
		green: network.attach({ groups: ["web", odd] }),
		red: network.attach({ groups: [odd], config: { hostPorts: "closed" } }),
		plain: network.attach(),
	};
});
afterEach(() => {
	world.dispose();
});

function cnictl(...args: string[]) {
	return attemptIn(world.host, [join(distribution, "cnictl"), ...args]);
}

describe("cnictl groups", () => {
	it("shows who is in which group", () => {
		const { blue, green, red, plain } = members;
		const { exitCode, stdout } = cnictl("groups");
		expect(exitCode).toBe(0);
		expect(stdout.split("\n").map((line) => line.split(/ {2,}/))).toEqual([
			["NETWORK", "CONTAINER", "INTERFACE", "ADDRESSES", "GROUPS", "STATE"],
			["n1", "n1-c1", "eth0", `${blue.ip4},${blue.ip6}`, '"web"', "ok"],
			["n1", "n1-c2", "eth0", `${green.ip4},${green.ip6}`, `${oddShown},"web"`, "ok"],
			["n1", "n1-c3", "eth0", `${red.ip4},${red.ip6}`, oddShown, "ok"],
			["n1", "n1-c4", "eth0", `${plain.ip4},${plain.ip6}`, "(open)", "ok"],
			[""],
		]);
		expect(JSON.parse(cnictl("groups", "--json").stdout).members[0]).toMatchObject({
			network: "n1",
			containerId: "n1-c1",
			groups: ["web"],
			port: blue.port,
			mac: blue.mac,
			addresses: [blue.ip4, blue.ip6],
			missing: [],
		});
	});

	it("answers who may talk to whom, and the kernel agrees", () => {
		const { blue, green, red } = members;
		const may = (a: string, b: string) => cnictl("groups", "may", a, b).stdout.trimEnd();
		expect(may("n1-c1", "n1-c2")).toBe('yes: both are in "web"');
		expect(may(blue.ip4, green.ip6)).toBe('yes: both are in "web"');
		expect(may("n1-c1", red.ip4)).toBe(`no: container "n1-c1" is in "web", container "n1-c3" is in ${oddShown}`);
		expect(may("n1-c1", "192.0.2.7")).toBe("yes: groups say nothing of 192.0.2.7");
		expect(may("192.0.2.7", "n1-c3")).toMatch(/^no: groups say nothing of 192.0.2.7, and container "n1-c3" may only/);
		expect(JSON.parse(cnictl("groups", "may", "n1-c1", "n1-c3", "--json").stdout)).toEqual({
			from: "n1-c1",
			to: "n1-c3",
			may: false,
			reason: `container "n1-c1" is in "web", container "n1-c3" is in ${oddShown}`,
		});
		expect([ping(blue.container, green.ip4), ping(blue.container, red.ip4, { timeoutSeconds: 0.5 })]).toEqual([
			true,
			false,
		]);
		expect(cnictl("groups", "may", "nobody", "n1-c1")).toMatchObject({
			exitCode: 1,
			stderr: expect.stringContaining('Cannot find "nobody"'),
		});
	});

	it("says where the firewall lacks something, and firewall reload brings it back", () => {
		const { blue, green, red } = members;
		runIn(world.host, ["nft", "flush", "ruleset"]);
		expect(cnictl("groups").stdout).toMatch(/^n1 +n1-c1 .* \d+ missing$/m);
		deleteNamespace(red.container);
		const { stdout } = cnictl("firewall", "reload");
		expect(stdout).toMatch(/^restored +groups +n1 +n1-c1 /m);
		expect(stdout).toMatch(/^dropped +groups +n1 +n1-c3 /m);
		expect(ping(blue.container, green.ip4)).toBe(true);
		expect(blue.run("CHECK").exitCode).toBe(0);
		expect(cnictl("groups").stdout).not.toContain("n1-c3");
		runIn(world.host, ["nft", "flush", "chain", "inet", "cni_groups", "to_container"]);
		expect(blue.run("CHECK").exitCode).toBe(1);
		// The rules are everybody's: who comes first brings them back.
		expect(cnictl("firewall", "reload").stdout).toMatch(/^restored +groups +n1 /m);
		expect(blue.run("CHECK").exitCode).toBe(0);
	});
});
