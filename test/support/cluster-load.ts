import type { AgentMachine } from "./agent-machine.ts";
import type { Namespace } from "./namespace.ts";
import { type PluginOutcome, runPluginAsync } from "./run-plugin.ts";

/**
 * Containers that come and go on agents of a cluster, some at each at any time, and a model of what they hold. It does what
 * a runtime does: after an ADD that fails comes a DEL, and after a DEL that was killed another.
 */
export interface ClusterLoad {
	/** What must never be, a line each: an address that two have, an error that says something else than to try again. */
	readonly problems: readonly string[];
	/** Waits until each of these agents has attached so many more, or could not attach so many because etcd was away. */
	more(count: number, agents: { readonly attached?: Agents; readonly away?: Agents }): Promise<void>;
	/** How many have been attached on all agents. */
	attached(): number;
	/** One ADD or DEL after the other is called through these from now on: tracers that kill it. */
	disturb(command: Disturbed, wrappers: readonly (readonly string[])[]): void;
	/** Waits until the last of them has been used; how many calls have been killed by then. */
	disturbed(): Promise<number>;
	/** Waits for the calls under way, and begins no more. What lives then. */
	stop(): Promise<readonly LivingContainer[]>;
}

export interface LivingContainer {
	readonly agent: AgentMachine;
	readonly netns: Namespace;
	readonly containerId: string;
	readonly addresses: readonly string[];
	/** What ADD has printed. */
	readonly result: object;
}

type Agents = readonly AgentMachine[];
type Disturbed = "ADD" | "DEL";

export interface ClusterLoadOptions {
	/** Between 0 and 1. */
	readonly random: () => number;
	/** Addresses that containers of all agents ask for now and then. */
	readonly wanted: readonly string[];
}

/** For each agent so many calls at a time, and so many containers for each of these. */
const workers = 3;
const containers = 2;
/** For what takes some seconds on a machine that does nothing else. */
const patienceMs = 120_000;

/** A namespace, and the container that lives in it. */
interface Seat {
	readonly agent: AgentMachine;
	readonly netns: Namespace;
	readonly count: Count;
	living: LivingContainer | undefined;
}

/** Of one agent. */
interface Count {
	calls: number;
	attached: number;
	away: number;
}

export function startClusterLoad(agents: Agents, { random, wanted }: ClusterLoadOptions): ClusterLoad {
	const problems: string[] = [];
	/** By address. */
	const holders = new Map<string, string>();
	const counts = new Map(agents.map((agent) => [agent, { calls: 0, attached: 0, away: 0 } as Count]));
	const wrappers: Record<Disturbed, (readonly string[])[]> = { ADD: [], DEL: [] };
	let disturbing = 0;
	let killed = 0;
	let stopped = false;
	let lastError = "";

	const run = async ({ agent, netns }: Seat, command: Disturbed, options: CallOptions): Promise<PluginOutcome> => {
		const { undisturbed = false, ...others } = options;
		const wrapper = undisturbed ? undefined : wrappers[command].shift();
		const call = agent.call(command, { netns, ...others });
		if (wrapper === undefined) return runPluginAsync(call);
		disturbing++;
		const outcome = await runPluginAsync({ ...call, wrapper });
		disturbing--;
		if (wasKilled(outcome)) killed++;
		return outcome;
	};

	const attach = async (seat: Seat): Promise<void> => {
		const { agent, netns, count } = seat;
		const containerId = `${agent.name}-${count.calls++}`;
		const address = random() < 0.2 ? wanted[Math.floor(random() * wanted.length)] : undefined;
		const args = address === undefined ? {} : { args: `IgnoreUnknown=1;IP=${address}` };
		const outcome = await run(seat, "ADD", { containerId, ...args });
		if (outcome.exitCode !== 0) {
			if (!wasKilled(outcome)) refused(seat, { containerId, outcome });
			return detach(seat, containerId);
		}
		count.attached++;
		const result = outcome.json as { readonly ips: readonly { readonly address: string }[] };
		const addresses = result.ips.map((ip) => ip.address.replace(/\/.*$/, ""));
		for (const each of addresses) {
			const holder = holders.get(each);
			if (holder !== undefined) problems.push(`${each} was given to ${containerId} while ${holder} had it`);
			holders.set(each, containerId);
		}
		seat.living = { agent, netns, containerId, addresses, result };
	};

	const refused = ({ count }: Seat, { containerId, outcome }: { containerId: string; outcome: PluginOutcome }) => {
		lastError = outcome.stdout;
		if (lastError.includes("Cannot reach etcd")) count.away++;
		if (outcome.error?.code !== 11) problems.push(`ADD of ${containerId}: ${outcome.stdout}${outcome.stderr}`);
	};

	const detach = async (seat: Seat, containerId: string): Promise<void> => {
		// Whoever is given one of them from now on may have got it after this DEL.
		for (const address of seat.living?.addresses ?? []) holders.delete(address);
		seat.living = undefined;
		let outcome = await run(seat, "DEL", { containerId });
		if (wasKilled(outcome)) outcome = await run(seat, "DEL", { containerId, undisturbed: true });
		if (outcome.exitCode !== 0) problems.push(`DEL of ${containerId}: ${outcome.stdout}${outcome.stderr}`);
	};

	const work = async (own: readonly Seat[]): Promise<void> => {
		while (!stopped) {
			for (const seat of own) {
				if (seat.living === undefined) await attach(seat);
				// Not every time, so that some live for long.
				else if (random() < 0.7) await detach(seat, seat.living.containerId);
			}
		}
	};

	const until = async (what: string, isSo: () => boolean): Promise<void> => {
		const end = performance.now() + patienceMs;
		while (!isSo()) {
			if (performance.now() > end) throw new Error(`Cannot see ${what}: ${[lastError, ...problems].join("\n")}`);
			await new Promise((resolve) => setTimeout(resolve, 20));
		}
	};

	const groups = [...counts].flatMap(([agent, count]) =>
		Array.from({ length: workers }, () =>
			Array.from({ length: containers }, (): Seat => {
				return { agent, count, netns: agent.world.container(), living: undefined };
			}),
		),
	);
	const ends = Promise.all(groups.map(work));
	return {
		problems,
		async more(number, { attached = [], away = [] }) {
			const before = new Map([...counts].map(([agent, count]) => [agent, { ...count }]));
			const has = (kind: "attached" | "away") => (agent: AgentMachine) =>
				(counts.get(agent)?.[kind] ?? 0) >= (before.get(agent)?.[kind] ?? 0) + number;
			await until("what should come of ADDs", () => attached.every(has("attached")) && away.every(has("away")));
		},
		attached: () => [...counts.values()].reduce((sum, { attached }) => sum + attached, 0),
		disturb: (command, more) => {
			wrappers[command].push(...more);
		},
		async disturbed() {
			await until("all kills", () => disturbing + wrappers.ADD.length + wrappers.DEL.length === 0);
			return killed;
		},
		async stop() {
			stopped = true;
			await ends;
			return groups.flat().flatMap(({ living }) => living ?? []);
		},
	};
}

interface CallOptions {
	readonly containerId: string;
	readonly args?: string;
	/** Never through a tracer. */
	readonly undisturbed?: boolean;
}

const wasKilled = ({ signal }: PluginOutcome) => signal === "SIGKILL";
