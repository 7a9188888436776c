import { join } from "node:path";
import { openNamespace } from "../../lib/linux/netns.ts";
import { createNamespace, deleteNamespace, type Namespace, runIn } from "../support/namespace.ts";
import { root } from "../support/paths.ts";
import { type Call, timed } from "./call.ts";
import { type Bench, type Figure, median, verdictOf } from "./figure.ts";

const leastThroughput = 0.95;
const mostGrowth = 1.3;

/** What groups cost each packet and each ADD, where there are many members. The reference has nothing like it. */
export function groupsFigures(bench: Bench): Figure[] {
	const containers = ["a", "b"].map((name) => createNamespace(`cst-bench-${process.pid}-${name}`));
	try {
		// Or the connection tracking of routed packets would be measured along; where br_netfilter is loaded, it is 1.
		sh("sysctl -qw net.bridge.bridge-nf-call-iptables=0 || true");
		const [a, b] = containers.map((container, index) => connect(container, index));
		if (a === undefined || b === undefined) return [];
		return [...packetFigures(bench, { a, b }), ...additionFigures(bench)];
	} finally {
		containers.map(deleteNamespace);
	}
}

/** A container on the bridge brg0, connected by hand, and the call of groups for it. */
interface Connected {
	readonly container: Namespace;
	readonly address: string;
	readonly call: Omit<Call, "command" | "bin">;
}

function connect(container: Namespace, index: number): Connected {
	const [port, address] = [`vbg${index}`, `10.199.0.${index + 2}`];
	sh("ip link show brg0 >/dev/null 2>&1 || { ip link add brg0 type bridge; ip link set brg0 up; }");
	sh(`ip link add ${port} type veth peer name eth0 netns ${container.name}; ip link set ${port} master brg0 up`);
	runIn(container, ["sh", "-ec", `ip link set eth0 up; ip address add ${address}/16 dev eth0`]);
	const prevResult = {
		cniVersion: "1.0.0",
		interfaces: [{ name: "eth0", sandbox: container.path }],
		ips: [{ address: `${address}/16`, interface: 0 }],
	};
	const config = { cniVersion: "1.0.0", name: "bench", type: "groups", groups: ["group 1"], prevResult };
	return {
		container,
		address,
		call: { type: "groups", netns: container.path, containerId: `bench-${index}`, config },
	};
}

interface Pair {
	readonly a: Connected;
	readonly b: Connected;
}

/** Packets from one to the other, with groups beside 1,000 others and without, in turns. */
function packetFigures(bench: Bench, { a, b }: Pair): Figure[] {
	const rounds = bench.quick ? 2 : 12;
	const rates: Record<"without" | "with", number[]> = { without: [], with: [] };
	const times: Record<"without" | "with", number[]> = { without: [], with: [] };
	for (let round = -1; round < rounds; round++) {
		for (const how of ["without", "with"] as const) {
			sh("nft delete table bridge cni_groups; nft delete table inet cni_groups; true");
			if (how === "with") {
				fill(1000);
				for (const { call } of [a, b]) timed({ ...call, bin: bench.ours, command: "ADD" });
			}
			const seconds = bench.quick ? 0.3 : 1;
			const rate = packetsPerSecond(a, b, seconds);
			const time = roundTripMicroseconds(a, b, seconds / 2);
			if (round < 0) continue;
			rates[how].push(rate);
			times[how].push(time);
		}
	}
	const throughput = median(rates.with.map((rate, index) => rate / (rates.without[index] ?? Number.NaN)));
	const speed = median(times.without.map((time, index) => time / (times.with[index] ?? Number.NaN)));
	const least = (value: number) => (value >= leastThroughput ? "met" : "missed");
	return [
		{
			what: "groups, beside 1,000 members in 100 groups: packets of 64 bytes a second, over those without groups",
			ours: `${Math.round(median(rates.with) / 1000)} k/s`,
			stock: `${Math.round(median(rates.without) / 1000)} k/s without`,
			ratio: throughput.toFixed(2),
			bar: `≥ ${leastThroughput}`,
			verdict: least(throughput),
		},
		{
			what: "the same: a round trip without groups, over one with",
			ours: `${median(times.with).toFixed(1)} µs`,
			stock: `${median(times.without).toFixed(1)} µs without`,
			ratio: speed.toFixed(2),
			bar: `≥ ${leastThroughput}`,
			verdict: least(speed),
		},
	];
}

/** ADD and DEL of one more member on two hosts, in turns: one has 1,000 members, the other 10,000. */
function additionFigures(bench: Bench): Figure[] {
	const runs = bench.quick ? 5 : 60;
	using stack = new DisposableStack();
	const namespace = (name: string) => stack.adopt(createNamespace(`cst-bench-${process.pid}-${name}`), deleteNamespace);
	const hosts = [1_000, 10_000].map((members) => {
		const container = namespace(`of-${members}`);
		const host = stack.use(openNamespace(namespace(`with-${members}`).path));
		const { call } = host.run(() => {
			fill(members);
			return connect(container, 0);
		});
		return { members, host, call, costs: { ADD: [] as number[], DEL: [] as number[] } };
	});
	for (let run = -2; run < runs; run++) {
		for (const { host, call, costs } of hosts) {
			for (const command of ["ADD", "DEL"] as const) {
				const { wallMs } = host.run(() => timed({ ...call, bin: bench.ours, command }));
				if (run >= 0) costs[command].push(wallMs);
			}
		}
	}
	const [few, many] = hosts.map(({ costs }) => costs.ADD);
	const growth = median((many ?? []).map((cost, index) => cost / (few?.[index] ?? Number.NaN)));
	const none = { stock: "", ratio: "", bar: "", verdict: "" } as const;
	return [
		...hosts.flatMap(({ members, costs }) =>
			(["ADD", "DEL"] as const).map((command) => ({
				what: `groups with ${members.toLocaleString("en")} members: ${command}`,
				ours: `${median(costs[command]).toFixed(2)} ms`,
				...none,
			})),
		),
		{
			what: "groups ADD: with 10,000 members over with 1,000",
			ours: `${growth.toFixed(2)} ×`,
			stock: "",
			ratio: "",
			bar: `≤ ${mostGrowth} ×`,
			verdict: verdictOf(growth, mostGrowth),
		},
	];
}

function fill(members: number): void {
	const driver = join(root, "test/fixtures/groups-driver.ts");
	run([process.execPath, driver, JSON.stringify({ members, groups: 100 })]);
}

/** Sent by one thread, which the kernel lets do all the work of the bridge too; that they arrive is looked at. */
function packetsPerSecond(
	{ container: from }: Connected,
	{ container: to, address }: Connected,
	seconds: number,
): number {
	const before = receivedBy(to);
	const flood = [process.execPath, join(root, "test/bench/flood.ts"), address, String(seconds)];
	const [sent = 0, rate = 0] = run(["nsenter", `--net=${from.path}`, "--", ...flood])
		.split(" ")
		.map(Number);
	if (receivedBy(to) - before < sent / 2) throw new Error("Cannot measure packets: most of them were lost");
	return rate;
}

function receivedBy({ path }: Namespace): number {
	const text = run(["nsenter", `--net=${path}`, "--", "cat", "/proc/net/dev"]);
	return Number(/eth0: *\d+ +(\d+)/.exec(text)?.[1]);
}

/** One after the other, in the same way. */
function roundTripMicroseconds({ container: from }: Connected, { address }: Connected, seconds: number): number {
	return Number(
		run([
			"nsenter",
			`--net=${from.path}`,
			"--",
			process.execPath,
			join(root, "test/bench/round-trip.ts"),
			address,
			String(seconds),
		]),
	);
}

function sh(line: string): void {
	run(["sh", "-c", `{ ${line}; } 2>/dev/null`]);
}

function run(command: string[]): string {
	const { exitCode, stdout, stderr } = Bun.spawnSync(command);
	if (exitCode !== 0) throw new Error(`Cannot run "${command.join(" ")}": ${stderr}`);
	return stdout.toString();
}
