import { readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { deleteNamespace, jsonIn, type Namespace } from "../support/namespace.ts";
import { distribution, tools } from "../support/paths.ts";
import { httpGet, ping, serve } from "../support/traffic.ts";
import { createWorld, leftovers, type World } from "../support/world.ts";
import {
	bridgeMember,
	type ChainNetwork,
	chainNetwork,
	executed,
	foreignDirectory,
	keptByChain,
	recorder,
} from "./chain-network.ts";

let world: World;
let container: Namespace;

beforeEach(() => {
	world = createWorld();
	container = world.container();
});
afterEach(() => {
	world.dispose();
});

const left = () => leftovers(world, { except: keptByChain });
const hasInterface = (namespace: Namespace = container) =>
	jsonIn<{ ifname: string }[]>(namespace, ["ip", "-j", "link"]).some(({ ifname }) => ifname === "eth0");

function succeed(outcome: ReturnType<ChainNetwork["run"]>) {
	expect(outcome).toMatchObject({ exitCode: 0, stderr: "" });
	return outcome;
}

describe("a chain as Mesos calls it", () => {
	it("answers in the oldest form without cniVersion, and packets flow", async () => {
		const network = chainNetwork(world, { plugins: [bridgeMember(world), recorder] });
		expect(succeed(network.run("ADD", { netns: container })).json).toEqual({
			cniVersion: "0.1.0",
			ip4: { ip: "10.1.2.2/24", gateway: "10.1.2.1", routes: [{ dst: "0.0.0.0/0", gw: "10.1.2.1" }] },
			dns: {},
		});
		expect(ping(container, "10.1.2.1")).toBe(true);
		await using _web = await serve(container, { port: 80 });
		expect(httpGet(world.host, "http://10.1.2.2/")).toBe("10.1.2.1");
		succeed(network.run("DEL", { netns: container }));
		expect(left()).toEqual([]);
	});

	it.each([
		["ours", distribution],
		["the stock one", tools],
	])("opens the ports that a framework asks for, with the portmap that is %s", async (_, directory) => {
		symlinkSync(join(directory, "portmap"), join(foreignDirectory(world), "portmap"));
		const network = chainNetwork(world, {
			plugins: [bridgeMember(world, { ipMasq: true }), { type: "portmap", capabilities: { portMappings: true } }],
			args: { "org.apache.mesos": { network_info: { port_mappings: [{ host_port: 8080, container_port: 80 }] } } },
		});
		succeed(network.run("ADD", { netns: container }));
		await using _web = await serve(container, { port: 80, body: "here" });
		for (const address of ["127.0.0.1", "10.1.2.1"]) {
			expect(httpGet(world.host, `http://${address}:8080/`)).toBe("here");
		}
		succeed(network.run("CHECK", { netns: container, with: { cniVersion: "1.0.0" } }));
		succeed(network.run("DEL", { netns: container }));
		expect(httpGet(world.host, "http://127.0.0.1:8080/", { timeoutSeconds: 1 })).toBeUndefined();
		expect(hasInterface()).toBe(false);
	});

	it("DEL without the namespace, without the kept result, and again, succeeds and leaves nothing", () => {
		const network = chainNetwork(world, { plugins: [bridgeMember(world, { ipMasq: true }), recorder] });
		succeed(network.run("ADD", { netns: container }));
		rmSync(network.keptPath);
		deleteNamespace(container);
		succeed(network.run("DEL"));
		succeed(network.run("DEL"));
		expect(left()).toEqual([]);
	});

	it.each(["", "{", "[]", '{"cniVersion":"7.7"}', '{"cniVersion":"1.1.0","ips":[{"address":"x"}]}', "\0\0\0\0"])(
		"DEL with a kept result that reads %j warns and leaves nothing",
		(text) => {
			const network = chainNetwork(world, { plugins: [bridgeMember(world)] });
			succeed(network.run("ADD", { netns: container }));
			writeFileSync(network.keptPath, text);
			const outcome = network.run("DEL", { netns: container });
			expect(outcome).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("Cannot decode the result") });
			expect(left()).toEqual([]);
		},
	);

	it("a container id longer than a file name may be has its result kept too", () => {
		const network = chainNetwork(world, { plugins: [bridgeMember(world), recorder] });
		const call = { netns: container, containerId: `${"a".repeat(240)}.b`, with: { cniVersion: "1.1.0" } };
		succeed(network.run("ADD", call));
		expect(network.keptResults()).toEqual([expect.stringMatching(/^[0-9a-f]{128}:eth0$/)]);
		succeed(network.run("CHECK", call));
		succeed(network.run("DEL", call));
		expect(left()).toEqual([]);
	});
});

describe("members of a chain", () => {
	it("are given the configuration that a conflist would give them, in the newest version of all", () => {
		const network = chainNetwork(world, {
			args: { cni: { labels: [] }, "org.apache.mesos": { network_info: { name: "n1" } } },
			plugins: [
				bridgeMember(world),
				{
					...recorder,
					capabilities: { portMappings: true, mac: false },
					args: { own: 1, cni: "mine" },
					other: [1, {}],
				},
				{ ...recorder, type: "rec2" },
			],
		});
		const runtimeConfig = { portMappings: [{ hostPort: 80, containerPort: 8080 }], mac: "02:00:00:00:00:01", other: 1 };
		succeed(network.run("ADD", { netns: container, with: { cniVersion: "0.4.0", runtimeConfig } }));
		const [first, second] = network.recorded();
		expect(first).toEqual({
			type: "rec",
			command: "ADD",
			env: { CNI_COMMAND: "ADD", CNI_CONTAINERID: "container-1", CNI_IFNAME: "eth0", CNI_NETNS: container.path },
			stdin: {
				type: "rec",
				passOn: true,
				other: [1, {}],
				capabilities: { portMappings: true, mac: false },
				name: "n1",
				cniVersion: "1.1.0",
				args: { own: 1, cni: { labels: [] }, "org.apache.mesos": { network_info: { name: "n1" } } },
				runtimeConfig: { portMappings: [{ hostPort: 80, containerPort: 8080 }] },
				prevResult: expect.objectContaining({
					cniVersion: "1.1.0",
					ips: [{ address: "10.1.2.2/24", gateway: "10.1.2.1", interface: 2 }],
				}),
			},
		});
		expect(second?.stdin).not.toHaveProperty("runtimeConfig");
		expect(second?.stdin.prevResult).toEqual(first?.stdin.prevResult);
	});

	it("are given what Mesos says in the capabilities that they declare", () => {
		const network = chainNetwork(world, {
			plugins: [
				bridgeMember(world, { capabilities: { ips: true } }),
				{ ...recorder, capabilities: { portMappings: true, ips: true } },
			],
			args: {
				"org.apache.mesos": {
					network_info: {
						ip_addresses: [{ protocol: "IPv4", ip_address: "10.1.2.99" }],
						port_mappings: [
							{ host_port: 8080, container_port: 80 },
							{ host_port: 5353, container_port: 53, protocol: "UDP" },
						],
					},
				},
			},
		});
		expect(succeed(network.run("ADD", { netns: container })).json).toMatchObject({ ip4: { ip: "10.1.2.99/24" } });
		expect(network.recorded()[0]?.stdin.runtimeConfig).toEqual({
			ips: ["10.1.2.99"],
			portMappings: [
				{ hostPort: 8080, containerPort: 80, protocol: "tcp" },
				{ hostPort: 5353, containerPort: 53, protocol: "udp" },
			],
		});
	});

	it("what the runtime says itself counts more than what Mesos says", () => {
		const network = chainNetwork(world, {
			plugins: [bridgeMember(world), { ...recorder, capabilities: { portMappings: true } }],
			args: { "org.apache.mesos": { network_info: { port_mappings: [{ host_port: 1, container_port: 1 }] } } },
			runtimeConfig: { portMappings: [{ hostPort: 2, containerPort: 2 }] },
		});
		succeed(network.run("ADD", { netns: container }));
		expect(network.recorded()[0]?.stdin.runtimeConfig).toEqual({ portMappings: [{ hostPort: 2, containerPort: 2 }] });
	});

	it("are deleted in reverse order with the final result, one that fails does not stop the others", () => {
		const failing = { DEL: { exit: 1, stdout: '{"code":123,"msg":"no","details":"why"}' } };
		const plugins = [
			bridgeMember(world),
			{ ...recorder, answers: failing },
			{
				...recorder,
				type: "rec2",
				answers: { ADD: { stdout: '{"cniVersion":"0.4.0","ips":[{"address":"10.9.9.9/24"}]}' } },
			},
		];
		const network = chainNetwork(world, { plugins });
		expect(succeed(network.run("ADD", { netns: container })).json).toMatchObject({ ip4: { ip: "10.9.9.9/24" } });
		network.recorded();

		const { exitCode, error } = network.run("DEL", { netns: container });
		expect([exitCode, error]).toEqual([1, { code: 123, msg: 'plugin 2 ("rec") of the chain: no', details: "why" }]);
		const calls = network.recorded();
		expect(calls.map(({ type, command }) => `${command} ${type}`)).toEqual(["DEL rec2", "DEL rec"]);
		for (const { stdin } of calls)
			expect(stdin.prevResult).toEqual({ cniVersion: "1.1.0", ips: [{ address: "10.9.9.9/24" }] });
		expect(hasInterface()).toBe(false);
		// Kept for the next try.
		expect(network.keptResults()).toEqual(["container-1:eth0"]);
		succeed(network.run("DEL", { netns: container, with: { plugins: [bridgeMember(world), recorder] } }));
		expect(network.recorded()[0]?.stdin.prevResult).toMatchObject({ ips: [{ address: "10.9.9.9/24" }] });
		expect(left()).toEqual([]);
	});

	it("that fail their ADD are deleted, and all before them, and the error names the one", () => {
		const failure = { ADD: { exit: 1, stdout: '{"code":11,"msg":"not now","details":"later"}' } };
		const plugins = [bridgeMember(world), recorder, { ...recorder, type: "rec2", answers: failure }];
		const network = chainNetwork(world, { plugins });
		const { exitCode, error } = network.run("ADD", { netns: container });
		expect([exitCode, error]).toEqual([
			1,
			{ code: 11, msg: 'plugin 3 ("rec2") of the chain: not now', details: "later" },
		]);
		const verbs = network.recorded().map(({ type, command }) => `${command} ${type}`);
		expect(verbs).toEqual(["ADD rec", "ADD rec2", "DEL rec2", "DEL rec"]);
		expect(hasInterface()).toBe(false);
		expect(left()).toEqual([]);
	});

	it("that answer what is no result are deleted like those that fail", () => {
		const plugins = [bridgeMember(world), { ...recorder, answers: { ADD: { stdout: "hello" } } }];
		const network = chainNetwork(world, { plugins });
		const { error } = network.run("ADD", { netns: container });
		expect(error?.msg).toMatch(/^plugin 2 \("rec"\) of the chain: failed to unmarshal raw result/);
		expect(network.recorded().map(({ command }) => command)).toEqual(["ADD", "DEL"]);
		expect(left()).toEqual([]);
	});

	it("are all looked for before the first is called", () => {
		const network = chainNetwork(world, { plugins: [recorder, { type: "no-such" }] });
		expect(network.run("ADD", { netns: container }).error?.msg).toMatch(
			/^plugin 2 \("no-such"\) of the chain: failed to find plugin "no-such" in path /,
		);
		expect(network.recorded()).toEqual([]);
	});

	it("give the same whether they run in this process or are executed", () => {
		const answers = [false, true].map((foreign) => {
			const network = chainNetwork(world, { cniVersion: "1.1.0", plugins: [bridgeMember(world, { ipMasq: true })] });
			if (foreign) executed(world, "bridge");
			const netns = world.container();
			const added = succeed(network.run("ADD", { netns }));
			succeed(network.run("CHECK", { netns }));
			const second = network.run("ADD", { netns });
			succeed(network.run("DEL", { netns }));
			expect(left()).toEqual([]);
			rmSync(world.dataDir, { recursive: true });
			const comparable = (text: string) =>
				text
					.replace(/([0-9a-f]{2}:){5}[0-9a-f]{2}/g, "MAC")
					.replace(/veth\w+/g, "VETH")
					.replaceAll(netns.path, "NETNS");
			return [comparable(added.stdout), second.stdout];
		});
		expect(answers[1]).toEqual(answers[0]);
	});

	it("run in the newest version that all of them serve", () => {
		const network = chainNetwork(world, { plugins: [bridgeMember(world), recorder] });
		const env = { REC_VERSIONS: "0.1.0 0.2.0 0.3.0 0.3.1 0.4.0" };
		expect(succeed(network.run("ADD", { netns: container, env })).json).toMatchObject({ cniVersion: "0.1.0" });
		const [call] = network.recorded();
		expect(call?.stdin).toMatchObject({ cniVersion: "0.4.0", prevResult: { cniVersion: "0.4.0" } });
		expect(JSON.parse(readFileSync(network.keptPath, "utf8"))).toMatchObject({ cniVersion: "0.4.0" });
		// DEL asks nobody: it goes by what ADD has kept.
		succeed(network.run("DEL", { netns: container, env: { REC_VERSIONS: "9.9.9" } }));
		expect(network.recorded()[0]?.stdin.cniVersion).toBe("0.4.0");
		expect(left()).toEqual([]);
	});

	it("that have no version in common are refused", () => {
		const network = chainNetwork(world, { plugins: [bridgeMember(world), recorder] });
		const { error } = network.run("ADD", { netns: container, env: { REC_VERSIONS: "0.1.0 0.2.0" } });
		expect(error).toEqual({
			code: 1,
			msg: 'plugin 2 ("rec") of the chain: it serves no version that the others serve',
			details: "It serves 0.1.0, 0.2.0. Possible here: 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0",
		});
		expect(left()).toEqual([]);
	});
});

describe("a chain's other verbs", () => {
	const plugins = () => [bridgeMember(world), recorder];
	const versioned = { cniVersion: "1.1.0" };

	it("CHECK asks every member, with what was kept, or what the runtime says", () => {
		const network = chainNetwork(world, { ...versioned, plugins: plugins() });
		const added = succeed(network.run("ADD", { netns: container })).json;
		network.recorded();
		succeed(network.run("CHECK", { netns: container }));
		expect(network.recorded()).toMatchObject([{ command: "CHECK", stdin: { prevResult: added, cniVersion: "1.1.0" } }]);
		const prevResult = { ...(added as object), dns: { domain: "from.the.runtime" } };
		succeed(network.run("CHECK", { netns: container, with: { prevResult } }));
		expect(network.recorded()[0]?.stdin.prevResult).toEqual(prevResult);
		rmSync(network.keptPath);
		expect(network.run("CHECK", { netns: container }).error?.msg).toBe(
			'Cannot check interface "eth0" of container "container-1": nothing is known of its ADD',
		);
		succeed(network.run("DEL", { netns: container }));
	});

	it("CHECK is not passed on where it is switched off", () => {
		const network = chainNetwork(world, { ...versioned, plugins: plugins(), disableCheck: true });
		succeed(network.run("CHECK", { netns: container }));
		expect(network.recorded()).toEqual([]);
	});

	it("STATUS asks every member, and says whose error it is", () => {
		const failing = { STATUS: { exit: 1, stdout: '{"code":51,"msg":"tired"}' } };
		const network = chainNetwork(world, {
			...versioned,
			plugins: [bridgeMember(world), { ...recorder, answers: failing }],
		});
		expect(network.run("STATUS").error).toMatchObject({ code: 51, msg: 'plugin 2 ("rec") of the chain: tired' });
		succeed(network.run("STATUS", { with: { plugins: plugins() } }));
		expect(network.run("STATUS", { with: { plugins: [...plugins(), { type: "no-such" }] } }).error?.msg).toMatch(
			/^plugin 3 \("no-such"\) of the chain: failed to find/,
		);
		expect(network.run("STATUS", { with: { ipam: { type: "host-local" } } }).error).toMatchObject({
			code: 7,
			msg: 'Cannot use "ipam" of a chain: a chain has no interface',
		});
	});

	it("GC and STATUS pass by members that do not know them", () => {
		const network = chainNetwork(world, { ...versioned, plugins: plugins() });
		const env = { REC_VERSIONS: "0.4.0 1.0.0" };
		succeed(network.run("STATUS", { env }));
		succeed(network.run("GC", { env, with: { "cni.dev/valid-attachments": [] } }));
		expect(network.recorded()).toEqual([]);
	});

	it("GC tells every member which attachments are valid, one that fails does not stop the others", () => {
		const failing = { GC: { exit: 1, stdout: '{"code":123,"msg":"no"}' } };
		const network = chainNetwork(world, {
			...versioned,
			plugins: [{ ...recorder, answers: failing }, bridgeMember(world), { ...recorder, type: "rec2" }],
		});
		const second = world.container();
		succeed(network.run("ADD", { netns: container, with: { plugins: plugins() } }));
		succeed(network.run("ADD", { netns: second, containerId: "container-2", with: { plugins: plugins() } }));
		network.recorded();
		const valid = [{ containerID: "container-2", ifname: "eth0" }];
		const outcome = network.run("GC", { with: { "cni.dev/valid-attachments": valid } });
		expect(outcome.error).toMatchObject({ code: 123, msg: 'plugin 1 ("rec") of the chain: no' });
		expect(network.recorded()).toMatchObject(
			["rec", "rec2"].map((type) => ({ type, command: "GC", stdin: { "cni.dev/valid-attachments": valid } })),
		);
		expect([hasInterface(), hasInterface(second)]).toEqual([false, true]);
		expect(network.keptResults()).toEqual(["container-2:eth0"]);
		succeed(network.run("DEL", { netns: second, containerId: "container-2", with: { plugins: plugins() } }));
		expect(left()).toEqual([]);
	});
});
