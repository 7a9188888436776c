import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { attemptIn, jsonIn, type Namespace, runIn } from "../support/namespace.ts";
import { distribution } from "../support/paths.ts";
import { type Command, type PluginOutcome, runPlugin, runPluginAsync } from "../support/run-plugin.ts";
import { httpGet, ping, serve, udpAsk } from "../support/traffic.ts";
import { createWorld, leftovers, type World } from "../support/world.ts";
import { type Config, hostLocal, kept, shell } from "./bridge-network.ts";

let world: World;

beforeEach(() => {
	world = createWorld();
});
afterEach(() => {
	world.dispose();
});

const chain = "MESOS-TEST-PORT-MAPPER";
const tcp = (host_port: number, container_port: number) => ({ host_port, container_port });
const udp = (host_port: number, container_port: number) => ({ host_port, container_port, protocol: "udp" });

interface Options {
	readonly id?: string;
	readonly netns?: Namespace | undefined;
	readonly ports?: readonly object[];
	readonly subnets?: readonly string[];
	readonly ifName?: string;
	/** Over the keys of the configuration. */
	readonly with?: Config;
}

const bridge = (subnets: readonly string[] = ["10.1.2.0/24", "fd00:1::/64"], changes: Config = {}): Config => ({
	type: "bridge",
	bridge: "br0",
	isDefaultGateway: true,
	ipMasq: true,
	ipam: hostLocal(world, subnets),
	...changes,
});

/** A call as Mesos makes it: no version, and its data in `args`. */
function call(command: Command, { id = "abc", netns, ports = [], subnets, ifName, with: changes }: Options = {}) {
	const network_info = { name: "n1", ...(ports.length === 0 ? {} : { port_mappings: ports }) };
	const config = {
		name: "n1",
		type: "mesos-cni-port-mapper",
		chain,
		delegate: bridge(subnets),
		args: { "org.apache.mesos": { network_info } },
		...changes,
	};
	return {
		world,
		type: "mesos-cni-port-mapper",
		command,
		config,
		netns,
		containerId: id,
		...(ifName === undefined ? {} : { ifName }),
		env: { CNI_PATH: `${foreignDirectory()}:${distribution}` },
	};
}

const run = (command: Command, options?: Options): PluginOutcome => runPlugin(call(command, options));

function succeed(outcome: PluginOutcome): PluginOutcome {
	expect(outcome).toMatchObject({ exitCode: 0, stderr: "" });
	return outcome;
}

function foreignDirectory(): string {
	const directory = join(world.directory, "foreign");
	mkdirSync(directory, { recursive: true });
	return directory;
}

/** The tables of port maps stay with their base chains, as do the reference's. */
const bases = [
	...kept,
	/^\+ nft (table|chain|set|map) inet cni_suite /,
	/^\+ nft rule inet cni_suite (port|ports|port_maps|localhost)/,
	/^[+-] nft (table|chain|rule) ip nat/,
	/^[+-] iptables nat /,
];
const left = () => leftovers(world, { except: bases });

/** A machine beyond the host. */
function outside(): Namespace {
	const namespace = world.container();
	shell(
		world.host,
		`ip link add wan type veth peer name eth0 netns ${namespace.name}
		ip address add 198.51.100.1/24 dev wan; ip address add 2001:db8:ffff::1/64 dev wan nodad; ip link set wan up`,
	);
	shell(
		namespace,
		`ip address add 198.51.100.2/24 dev eth0; ip address add 2001:db8:ffff::2/64 dev eth0 nodad; ip link set eth0 up`,
	);
	return namespace;
}

/** What the plugin of Mesos leaves behind for a container. */
function oldRule(id: string, port: number): void {
	shell(
		world.host,
		`iptables -w -t nat -N ${chain} 2>/dev/null || true
		iptables -w -t nat -A ${chain} ! -i docker0 -p tcp -m tcp --dport ${port} -m comment --comment "container_id: ${id}" -j DNAT --to-destination 10.9.9.9:80`,
	);
}

const oldRules = () =>
	attemptIn(world.host, ["iptables", "-w", "-t", "nat", "-S", chain])
		.stdout.split("\n")
		.flatMap((line) => /container_id: ([^"]*)/.exec(line)?.[1] ?? []);

describe("mesos-cni-port-mapper", () => {
	it("answers Mesos in the oldest form, and its ports work from everywhere, in both families", async () => {
		const beyond = outside();
		const netns = world.container();
		const ports = [tcp(8080, 80), udp(5353, 53)];
		// With br_netfilter, a container reaches itself through its own port of the bridge.
		const hairpin = { delegate: bridge(undefined, { hairpinMode: true }) };
		const { json } = succeed(run("ADD", { netns, ports, with: hairpin }));
		expect(json).toMatchObject({
			cniVersion: "0.1.0",
			ip4: { ip: "10.1.2.2/24", gateway: "10.1.2.1" },
			ip6: { ip: "fd00:1::2/64" },
		});
		const sibling = world.container();
		succeed(run("ADD", { id: "sibling", netns: sibling }));
		await using _web = await serve(netns, { port: 80, body: "here" });
		await using _dns = await serve(netns, { protocol: "udp", port: 53, body: "there" });
		for (const [from, url] of [
			[beyond, "http://198.51.100.1:8080/"],
			[beyond, "http://[2001:db8:ffff::1]:8080/"],
			[world.host, "http://198.51.100.1:8080/"],
			[world.host, "http://127.0.0.1:8080/"],
			[world.host, "http://[2001:db8:ffff::1]:8080/"],
			[sibling, "http://10.1.2.1:8080/"],
			[netns, "http://10.1.2.1:8080/"],
		] as const) {
			expect([url, httpGet(from, url)]).toEqual([url, "here"]);
		}
		expect(udpAsk(beyond, { address: "198.51.100.1", port: 5353 })).toBe("there");
		succeed(run("DEL", { netns, ports }));
		succeed(run("DEL", { id: "sibling", netns: sibling }));
		expect(httpGet(beyond, "http://198.51.100.1:8080/", { timeoutSeconds: 1 })).toBeUndefined();
		expect(left()).toEqual(expect.not.arrayContaining([expect.stringContaining("8080")]));
	});

	it.each(["nftables", "iptables"])(
		"excludes every device of the list, not the last alone, with %s",
		async (backend) => {
			const beyond = outside();
			const netns = world.container();
			const excluded = (excludeDevices: string[]) => ({
				netns,
				ports: [tcp(8080, 80)],
				with: { excludeDevices, backend },
			});
			await using _web = await serve(netns, { port: 80, body: "here" });
			for (const [devices, expected] of [
				[["wan", "other"], undefined],
				[["other", "wa+"], undefined],
				[["other"], "here"],
			] as const) {
				succeed(run("ADD", excluded([...devices])));
				expect([devices, httpGet(beyond, "http://198.51.100.1:8080/", { timeoutSeconds: 1 })]).toEqual([
					devices,
					expected,
				]);
				expect(httpGet(world.host, "http://198.51.100.1:8080/")).toBe("here");
				succeed(run("DEL", excluded([...devices])));
			}
		},
	);

	it("serves a delegate of IPv6 alone", async () => {
		const beyond = outside();
		const netns = world.container();
		const options = { netns, ports: [tcp(8080, 80)], subnets: ["fd00:1::/64"] };
		expect(succeed(run("ADD", options)).json).toMatchObject({ ip6: { ip: "fd00:1::2/64" } });
		await using _web = await serve(netns, { port: 80, body: "six" });
		expect(httpGet(beyond, "http://[2001:db8:ffff::1]:8080/")).toBe("six");
		succeed(run("DEL", options));
	});

	it("DEL removes the ports of exactly this container, also those that the plugin of Mesos made", async () => {
		for (const [index, id] of ["abc", "abc.child", "abcd"].entries()) oldRule(id, 9000 + index);
		const containers = ["abc", "abc.child", "abcd"].map((id, index) => ({
			id,
			netns: world.container(),
			ports: [tcp(8000 + index, 80)],
		}));
		for (const each of containers) succeed(run("ADD", each));
		succeed(run("DEL", containers[0]));
		expect(oldRules()).toEqual(["abc.child", "abcd"]);
		for (const [index, { netns }] of containers.entries()) {
			await using _web = await serve(netns, { port: 80, body: "here" });
			const answer = httpGet(world.host, `http://10.1.2.1:${8000 + index}/`, { timeoutSeconds: 1 });
			expect([index, answer]).toEqual([index, index === 0 ? undefined : "here"]);
		}
		for (const each of containers) succeed(run("DEL", each));
		expect(oldRules()).toEqual([]);
	});

	it("keeps the ports of a container's networks apart", async () => {
		const netns = world.container();
		const second = {
			name: "n2",
			delegate: bridge(["10.7.7.0/24"], { bridge: "br7", isDefaultGateway: false, isGateway: true }),
		};
		succeed(run("ADD", { netns, ports: [tcp(8001, 80)] }));
		succeed(run("ADD", { netns, ports: [tcp(8002, 80)], ifName: "eth1", with: second }));
		await using _web = await serve(netns, { port: 80, body: "here" });
		succeed(run("DEL", { netns, ports: [tcp(8001, 80)] }));
		expect(httpGet(world.host, "http://10.7.7.1:8002/")).toBe("here");
		succeed(run("DEL", { netns, ports: [tcp(8002, 80)], ifName: "eth1", with: second }));
	});

	it("makes the first containers of a host at once", async () => {
		const containers = Array.from({ length: 6 }, (_, index) => ({
			id: `first-${index}`,
			netns: world.container(),
			ports: [tcp(8100 + index, 80)],
		}));
		const outcomes = await Promise.all(containers.map((each) => runPluginAsync(call("ADD", each))));
		for (const outcome of outcomes) succeed(outcome);
		for (const [index, { netns }] of containers.entries()) {
			await using _web = await serve(netns, { port: 80, body: String(index) });
			expect(httpGet(world.host, `http://10.1.2.1:${8100 + index}/`)).toBe(String(index));
		}
		await Promise.all(containers.map((each) => runPluginAsync(call("DEL", each))));
		expect(left()).toEqual([]);
	});

	it("ADD of a port that another container has is refused, and leaves nothing of the delegate", () => {
		const first = { id: "first", netns: world.container(), ports: [tcp(8080, 80)] };
		const second = { id: "second", netns: world.container(), ports: [tcp(8080, 81)] };
		succeed(run("ADD", first));
		const since = leftovers(world, { except: bases });
		const { error } = run("ADD", second);
		expect(error).toMatchObject({
			code: 103,
			msg: expect.stringMatching(/^Failed to update the port mappings: .*8080.*container "first"/),
		});
		expect(jsonIn<{ ifname: string }[]>(second.netns, ["ip", "-j", "link"]).map(({ ifname }) => ifname)).toEqual([
			"lo",
		]);
		expect(leftovers(world, { except: bases })).toEqual(since);
		succeed(run("DEL", second));
		succeed(run("DEL", first));
	});

	it("ADD of a port that a container of the plugin of Mesos has is refused", () => {
		oldRule("older", 8080);
		const options = { netns: world.container(), ports: [tcp(8080, 80)] };
		expect(run("ADD", options).error).toMatchObject({
			code: 103,
			msg: expect.stringContaining(
				`tcp port 8080 of the host: container "older" (chain "${chain}" of iptables) holds it`,
			),
		});
		succeed(run("ADD", { ...options, ports: [udp(8080, 80)] }));
		succeed(run("DEL", options));
	});

	it("DEL works with whatever is left of the configuration, and without the namespace", () => {
		const options = { netns: world.container(), ports: [tcp(8080, 80)] };
		for (const changes of [
			{ args: { "org.apache.mesos": { network_info: { port_mappings: [{ host_port: 0 }] } } } },
			{ args: undefined, chain: undefined, excludeDevices: 5 },
		]) {
			succeed(run("ADD", options));
			expect(run("DEL", { ...options, netns: undefined, with: changes })).toMatchObject({ exitCode: 0 });
			expect(left()).toEqual([]);
		}
		succeed(run("ADD", options));
		expect(run("DEL", { with: { delegate: undefined } })).toMatchObject({ exitCode: 0 });
		expect(left()).toEqual(expect.not.arrayContaining([expect.stringContaining("8080")]));
		succeed(run("DEL", { netns: options.netns }));
	});

	describe("a delegate of another suite", () => {
		const script = (text: string) => {
			const path = join(foreignDirectory(), "script");
			writeFileSync(path, `#!/bin/sh\ncat >${path}.stdin\necho "$CNI_COMMAND" >>${path}.verbs\n${text}\n`);
			chmodSync(path, 0o755);
		};
		const verbs = () => readFileSync(join(foreignDirectory(), "script.verbs"), "utf8").trimEnd().split("\n");
		const stdin = () => JSON.parse(readFileSync(join(foreignDirectory(), "script.stdin"), "utf8"));
		const options = (changes: Config = {}) => ({
			netns: world.container(),
			ports: [tcp(8080, 80)],
			with: { delegate: { type: "script", own: 1, args: { own: 2 }, ...changes } },
		});

		it("that has never heard of versions is given none, and Mesos's data", () => {
			script(`test $CNI_COMMAND = ADD && printf '{"ip4":{"ip":"10.3.3.3/24"}}'; exit 0`);
			const given = options();
			expect(succeed(run("ADD", given)).json).toMatchObject({ ip4: { ip: "10.3.3.3/24" } });
			expect(stdin()).toEqual({
				type: "script",
				own: 1,
				name: "n1",
				args: { "org.apache.mesos": { network_info: { name: "n1", port_mappings: given.ports } } },
			});
			expect(runIn(world.host, ["nft", "list", "ruleset"])).toContain("10.3.3.3 . 80");
			succeed(run("DEL", given));
			expect(runIn(world.host, ["nft", "list", "ruleset"])).not.toContain("10.3.3.3 . 80");
			expect(verbs()).toEqual(["ADD", "DEL"]);
		});

		it.each(["0.2.0", "0.4.0", "1.0.0"])("may have version %s", (cniVersion) => {
			const shapes: Readonly<Record<string, string>> = {
				"0.2.0": '{"cniVersion":"0.2.0","ip4":{"ip":"10.3.3.3/24"}}',
				"0.4.0": '{"cniVersion":"0.4.0","ips":[{"version":"4","address":"10.3.3.3/24"}]}',
				"1.0.0": '{"cniVersion":"1.0.0","ips":[{"address":"10.3.3.3/24"}]}',
			};
			script(`test $CNI_COMMAND = ADD && printf '%s' '${shapes[cniVersion]}'; exit 0`);
			const given = options({ cniVersion });
			expect(succeed(run("ADD", given)).json).toMatchObject({ ip4: { ip: "10.3.3.3/24" } });
			expect(stdin()).toMatchObject({ cniVersion });
			succeed(run("DEL", given));
		});

		it("that fails is deleted, and its error told with code 102", () => {
			script(`test $CNI_COMMAND = DEL && exit 0; printf '{"code":11,"msg":"not now","details":"later"}'; exit 1`);
			const { exitCode, error } = run("ADD", options());
			expect([exitCode, error]).toEqual([
				1,
				{ code: 102, msg: "The delegate plugin 'script' failed: not now", details: "later; its code is 11" },
			]);
			expect(verbs()).toEqual(["ADD", "DEL"]);
		});

		it("that gives no address is deleted", () => {
			script(`test $CNI_COMMAND = ADD && printf '{}'; exit 0`);
			expect(run("ADD", options()).error).toMatchObject({
				code: 102,
				msg: "Delegate CNI plugin 'script' did not return an IP address",
			});
			expect(verbs()).toEqual(["ADD", "DEL"]);
		});

		it("DEL that fails leaves no port, and is told", () => {
			script(`test $CNI_COMMAND = ADD && printf '{"ip4":{"ip":"10.3.3.3/24"}}' && exit 0; exit 3`);
			const given = options();
			succeed(run("ADD", given));
			expect(run("DEL", given).error).toMatchObject({ code: 102 });
			expect(runIn(world.host, ["nft", "list", "ruleset"])).not.toContain("10.3.3.3 . 80");
		});
	});

	it.each<[string, Config, number, RegExp]>([
		["no chain", { chain: undefined }, 101, /^Failed to get the required field 'chain': Not found$/],
		[
			"a device that is no text",
			{ excludeDevices: ["a", 1] },
			101,
			/^Failed to parse 'excludeDevices' list\. The excluded device needs to be a string$/,
		],
		["a device with a quote", { excludeDevices: ['a" accept; "'] }, 101, /^Failed to parse 'excludeDevices' list/],
		["no delegate", { delegate: undefined }, 101, /^Failed to get the required field 'delegate': Not found$/],
		["a delegate without type", { delegate: {} }, 101, /'delegate\{type\}'/],
		[
			"a delegate that is nowhere",
			{ delegate: { type: "nope" } },
			101,
			/^Could not find the delegate plugin 'nope' in '/,
		],
		[
			"ports that cannot be",
			{ args: { "org.apache.mesos": { network_info: { port_mappings: [{ host_port: 1 }] } } } },
			101,
			/^Unable to parse `NetworkInfo`: .*container_port": it is missing$/,
		],
		["an unknown backend", { backend: "pf" }, 101, /unrecognized backend "pf"/],
	])("refuses %s, with the code of the plugin of Mesos", (_, changes, code, msg) => {
		const { error } = run("ADD", { netns: world.container(), with: changes });
		expect(error).toMatchObject({ code, msg: expect.stringMatching(msg) });
		expect(left()).toEqual([]);
	});

	describe("in a version that has them", () => {
		const ports = [tcp(8080, 80)];
		const versioned = { cniVersion: "1.1.0" };

		it("CHECK finds missing ports, and what the delegate misses", () => {
			const netns = world.container();
			const prevResult = succeed(run("ADD", { netns, ports, with: versioned })).json;
			const check = () => run("CHECK", { netns, ports, with: { ...versioned, prevResult } });
			succeed(check());
			runIn(world.host, ["nft", "flush", "map", "inet", "cni_suite", "any_ports4"]);
			expect(check().error).toMatchObject({
				code: 103,
				msg: expect.stringMatching(/^The port mappings are not as they should be: .*8080/),
			});
			runIn(netns, ["ip", "link", "del", "eth0"]);
			expect(check().error).toMatchObject({
				code: 102,
				msg: expect.stringContaining("Cannot find container link eth0"),
			});
			succeed(run("DEL", { netns, ports, with: versioned }));
		});

		it("GC removes ports, rules of the plugin of Mesos and attachments that are not valid", () => {
			oldRule("gone", 9000);
			oldRule("valid", 9001);
			const valid = { id: "valid", netns: world.container(), ports: [tcp(8001, 80)], with: versioned };
			const stale = { id: "stale", netns: world.container(), ports: [tcp(8002, 80)], with: versioned };
			for (const each of [valid, stale]) succeed(run("ADD", each));
			const list = [{ containerID: "valid", ifname: "eth0" }];
			expect(run("GC", { with: { ...versioned, "cni.dev/valid-attachments": list } })).toMatchObject({ exitCode: 0 });
			expect(oldRules()).toEqual(["valid"]);
			expect(ping(valid.netns, "10.1.2.1")).toBe(true);
			const ruleset = runIn(world.host, ["nft", "list", "ruleset"]);
			expect([ruleset.includes("8001"), ruleset.includes("8002")]).toEqual([true, false]);
			expect(existsSync(join(world.dataDir, "n1/10.1.2.3"))).toBe(false);
			succeed(run("DEL", valid));
		});

		it("STATUS asks the delegate", () => {
			succeed(run("STATUS", { with: versioned }));
			const delegate = bridge(["10.0.0.0/30"], { ipam: { type: "host-local", subnet: "x" } });
			expect(run("STATUS", { with: { ...versioned, delegate } }).error).toMatchObject({ code: 102 });
		});
	});
});
