import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { type ExampleCall, runExample, runWithOwnState } from "../support/example.ts";
import { deleteNamespace, type Namespace, type Outcome, runIn } from "../support/namespace.ts";
import { distribution } from "../support/paths.ts";
import { httpGet, serve } from "../support/traffic.ts";
import { createWorld, keptByContract, keptByPortMaps, leftovers, type World } from "../support/world.ts";
import { cnictl, cnitool } from "./runtime-client.ts";

/* bridge and portmap in one list, as runtimes use them; and what `cnictl firewall reload` makes of a flushed ruleset. */

const kept = [...keptByContract, ...keptByPortMaps, /^\+ file \.cni-suite\//];
const file = "bridge-ports.conflist";
const ports = (hostPort: number) => ({ portMappings: [{ hostPort, containerPort: 80, protocol: "tcp" }] });

let world: World;
beforeEach(() => {
	world = createWorld();
});
afterEach(() => world.dispose());

/** The host's own address on the bridge, from the host: through the output hook. */
const get = (hostPort: number) => httpGet(world.host, `http://10.29.0.1:${hostPort}/`);

describe.each([
	["cnitool", cnitool],
	["cnictl", cnictl],
])("%s, with the ports in CAP_ARGS", (_name, executable) => {
	it("maps them with add, checks them, and takes them back with del, to which it gives them or not", async () => {
		const calls = [1, 2].map(
			(number): ExampleCall => ({
				file,
				executable,
				container: world.container(),
				capabilities: ports(8080 + number),
			}),
		);
		for (const call of calls) succeed(runExample(world, "add", call));
		await using _one = await serve(namespaceOf(calls[0]), { port: 80, body: "one" });
		await using _two = await serve(namespaceOf(calls[1]), { port: 80, body: "two" });
		expect([get(8081), get(8082)]).toEqual(["one", "two"]);
		for (const call of calls) succeed(runExample(world, "check", call));
		for (const call of calls) succeed(runExample(world, "status", call));
		const [first, second] = calls as [ExampleCall, ExampleCall];
		succeed(runExample(world, "del", first));
		expect([get(8081), get(8082)]).toEqual([undefined, "two"]);
		succeed(runExample(world, "del", { file, executable, container: second.container }));
		expect(leftovers(world, { except: kept })).toEqual([]);
	});

	it("is told who holds a port, and gets no address for nothing", () => {
		const [first, second] = [world.container(), world.container()];
		const call = { file, executable, capabilities: ports(8080) };
		succeed(runExample(world, "add", { ...call, container: first }));
		const { exitCode, stdout, stderr } = runExample(world, "add", { ...call, container: second });
		expect(exitCode).toBe(1);
		expect(`${stdout}${stderr}`).toMatch(
			/Cannot map tcp port 8080 of the host: container "cnitool-\w+" \(network "ports", interface "eth0"\) holds it/,
		);
		succeed(runExample(world, "del", { ...call, container: second }));
		deleteNamespace(first);
		succeed(runExample(world, "add", { ...call, container: second }));
		succeed(runExample(world, "check", { ...call, container: second }));
	});
});

describe("cnictl firewall reload", () => {
	const reload = (...flags: string[]) =>
		runWithOwnState(world, [join(distribution, "cnictl"), "firewall", "reload", ...flags]);
	/** Where what the examples keep is, for who is outside. */
	const records = () => join(world.directory, "run/firewall", basename(world.firewallRecords), "portmap");
	const outcomes = () => {
		const { reloaded } = JSON.parse(succeed(reload("--json"))) as { reloaded: { kind: string; outcome: string }[] };
		return reloaded.map(({ kind, outcome }) => `${kind} ${outcome}`).sort();
	};

	it("says so where there is nothing to put back", () => {
		expect(succeed(reload())).toBe("Nothing is on record for this host\n");
		expect(succeed(reload("--json"))).toBe('{\n\t"reloaded": []\n}\n');
	});

	it("puts everything back after the ruleset was flushed, and drops what belongs to containers that are gone", async () => {
		const [stays, goes] = [world.container(), world.container()];
		const call = { file, container: stays, capabilities: ports(8080) };
		succeed(runExample(world, "add", call));
		succeed(runExample(world, "add", { ...call, container: goes, capabilities: ports(8081) }));
		await using _ = await serve(stays, { port: 80, body: "one" });
		const before = ruleset();
		expect(outcomes()).toEqual([
			"masquerade unchanged",
			"masquerade unchanged",
			"portmap unchanged",
			"portmap unchanged",
		]);

		runIn(world.host, ["nft", "flush", "ruleset"]);
		const checked = runExample(world, "check", call);
		expect(checked.exitCode).toBe(1);
		expect(checked.stderr).toMatch(/Cannot find the masquerading of .* missing/);
		expect(get(8080)).toBeUndefined();
		expect(outcomes()).toEqual(["masquerade restored", "masquerade restored", "portmap restored", "portmap restored"]);
		expect(ruleset()).toEqual(before);
		succeed(runExample(world, "check", call));
		expect(get(8080)).toBe("one");

		deleteNamespace(goes);
		const table = succeed(reload());
		expect(table).toMatch(/^OUTCOME +KIND +NETWORK +CONTAINER +INTERFACE\n/);
		expect(table).toMatch(/^dropped +portmap +ports +cnitool-\w+ +eth0$/m);
		expect(ruleset().filter((line) => line.includes("8081"))).toEqual([]);
		expect(outcomes()).toEqual(["masquerade unchanged", "portmap unchanged"]);
		succeed(runExample(world, "del", call));
		expect(outcomes()).toEqual([]);
	});

	it("puts back what iptables held", () => {
		const namespace = world.container();
		const call = { file, container: namespace, capabilities: ports(8080) };
		succeed(runExample(world, "add", call));
		runIn(world.host, ["sh", "-c", `sed -i 's/"automatic"/"iptables"/' ${records()}/*`]);
		runIn(world.host, ["nft", "flush", "ruleset"]);
		expect(outcomes()).toEqual(["masquerade restored", "portmap restored"]);
		expect(runIn(world.host, ["iptables-save", "-t", "nat"])).toContain("-j DNAT --to-destination 10.29.0.2:80");
		succeed(runExample(world, "del", call));
		expect(runIn(world.host, ["iptables-save", "-t", "nat"])).not.toContain("DNAT --to-destination");
	});

	it("throws away what it cannot read, and says with 1 what it cannot put back", () => {
		const container = world.container();
		succeed(runExample(world, "add", { file, container, capabilities: ports(8080) }));
		runIn(world.host, ["sh", "-c", `echo '{' >${records()}/0123456789abcdef-0123456789abcdef`]);
		runIn(world.host, ["sh", "-c", `echo '{' >${records()}/1123456789abcdef-0123456789abcdef.new`]);
		expect(outcomes()).toEqual(["masquerade unchanged", "portmap dropped", "portmap dropped", "portmap unchanged"]);
		runIn(world.host, ["nft", "flush", "ruleset"]);
		// Somebody else's table of that name, with other maps in it.
		runIn(world.host, ["nft", "add table inet cni_suite; add map inet cni_suite any_ports4 { type mark : mark; }"]);
		const { exitCode, stdout, stderr } = reload();
		expect(exitCode).toBe(1);
		expect(stdout).toMatch(/^failed +portmap/m);
		expect(stderr).toMatch(/portmap \w+-\w+: Cannot read or change the nftables ruleset: invalid argument/);
	});

	/** Without handles; the order of elements is that of a hash. */
	function ruleset(): string[] {
		return runIn(world.host, ["nft", "-s", "list", "ruleset"])
			.replaceAll(/,\s*\n\s*/g, ", ")
			.replaceAll(/elements = \{ (.*) \}/g, (_, elements: string) => elements.split(", ").sort().join(", "))
			.split("\n")
			.sort();
	}
});

function namespaceOf(call: ExampleCall | undefined): Namespace {
	if (call === undefined) throw new Error("no call");
	return call.container;
}

function succeed({ exitCode, stdout, stderr }: Outcome): string {
	expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
	return stdout;
}
