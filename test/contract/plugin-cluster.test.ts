import { afterAll, beforeAll } from "@jest/globals";
import { type Etcd, startEtcd } from "../support/etcd.ts";
import { createWorld, type World } from "../support/world.ts";
import { type Attached, pluginContract } from "./plugin.ts";

let machine: World;
let etcd: Etcd | undefined;

beforeAll(async () => {
	machine = createWorld();
	etcd = await startEtcd(machine.host);
});
afterAll(async () => {
	await etcd?.[Symbol.asyncDispose]();
	machine.dispose();
});

const ranges = [[{ subnet: "10.10.0.0/24" }], [{ subnet: "fd10::/64" }]];
// The contract looks at a configuration before anything runs.
const socketUrl = () => etcd?.socketUrl ?? "unix:///nowhere";
const prefixOf = ({ dataDir }: World) => dataDir;

function ipam(world: World, changes: object = {}): object {
	const { dataDir } = world;
	return {
		type: "cluster",
		endpoints: [socketUrl()],
		prefix: prefixOf(world),
		dataDir,
		ranges,
		agent: "a1",
		...changes,
	};
}

pluginContract({
	type: "cluster",
	config: (world) => ({ ipam: ipam(world, { routes: [{ dst: "0.0.0.0/0" }], cooldown: 0 }) }),
	hasAddress: true,
	// The hint, and the lock for who looks: a few bytes for each network, which may stay.
	kept: [/^[+-] file \S*contract\/(hint|claim\.lock) /, /^\+ directory /],
	mutations: [
		{
			what: "a reservation is gone",
			change: (attached) => remove(attached, "address/4-0a0a0002"),
			named: /Failed to find address 10\.10\.0\.2 .*it is not reserved/,
		},
		{
			what: "another container on another agent has the address",
			change: (attached) =>
				put(attached, {
					key: "address/4-0a0a0002",
					value: JSON.stringify({ agent: "a2", time: 1, containerId: "other", ifName: "eth0" }),
				}),
			named: /Failed to find address 10\.10\.0\.2 .*container "other" on agent "a2" holds it/,
		},
		{
			what: "its owner is not known",
			change: (attached) => remove(attached, "agent/a1/owner/container-1/eth0"),
			named: /Failed to find address added by container container-1/,
		},
	],
	failures: [
		{
			what: "a range cannot be",
			arrange: (world) => ({ ipam: ipam(world, { ranges: [[{ subnet: "10.0.0.0/32" }]] }) }),
		},
		{
			what: "the requested address lies in no range",
			arrange: () => ({ args: { cni: { ips: ["10.99.0.1"] } } }),
		},
		{
			what: "nobody listens at the endpoint",
			arrange: (world) => ({ ipam: ipam(world, { endpoints: ["http://127.0.0.1:9"] }) }),
		},
		{ what: "there are no endpoints", arrange: (world) => ({ ipam: ipam(world, { endpoints: [] }) }) },
		{ what: "the agent has no name that can be", arrange: (world) => ({ ipam: ipam(world, { agent: "a/b" }) }) },
	],
});

const base64 = (text: string) => Buffer.from(text).toString("base64");

function keyIn({ world }: Attached, key: string): string {
	return base64(`${prefixOf(world)}/network/contract/${key}`);
}

function remove(attached: Attached, key: string): void {
	call(attached, "deleterange", { key: keyIn(attached, key) });
}

function put(attached: Attached, { key, value }: { key: string; value: string }): void {
	call(attached, "put", { key: keyIn(attached, key), value: base64(value) });
}

function call({ host }: Attached, method: string, body: object): void {
	const socket = socketUrl().slice("unix://".length);
	host(`curl -sf --unix-socket ${socket} http://etcd/v3/kv/${method} -d ${JSON.stringify(body)}`);
}
