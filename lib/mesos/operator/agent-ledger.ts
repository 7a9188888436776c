import type { Sighting } from "../../cluster/agent-source.ts";
import { type AgentLists, type KnownAgent, type MasterEvent, mostAgents, type TaskSign } from "./master-event.ts";

/**
 * What is known of a master's agents, and what follows from what it says of them: a machine of states that asks neither a
 * clock nor anybody else.
 *
 * An agent is lost, or gone, when a list of the present master that was asked for after the last word of the agent does
 * not have it, and that master had it before. What is said of its leaving, `removed` or a task that is lost with it, makes
 * us want that list, and tells gone from lost. So nothing that comes late, twice or in another order takes away an agent
 * that lives.
 */
export interface AgentLedger {
	/** @param now milliseconds of a clock that does not go back */
	apply(event: LedgerEvent, now: number): Verdict;
	/** How many words of agents have been heard: what a list that is asked for now knows of. */
	position(): number;
}

export type LedgerEvent =
	/** What follows is said by this master. */
	| { readonly kind: "master"; readonly master: Master }
	/** All agents that the master knows, asked for at that position. */
	| { readonly kind: "lists"; readonly lists: AgentLists; readonly askedAt: number }
	| Exclude<MasterEvent, { readonly kind: "subscribed" }>;

export interface Master {
	/** As long as this is the same, the master's memory is. */
	readonly id: string;
	/** For reasons: `10.0.0.5:5050`. */
	readonly address: string;
}

export interface Verdict {
	readonly sightings: readonly Sighting[];
	/** Lists are wanted. */
	readonly ask: boolean;
}

export interface LedgerOptions {
	/** For how long a master that never had an agent may wait for it before it counts as lost. */
	readonly reregisterTimeoutMs: number;
	/** Names of agents that masters of this cluster had before we came. */
	readonly known: readonly string[];
}

/** One agent by its id. A host that begins anew has another, under the same name. */
interface Entry {
	readonly agent: KnownAgent;
	/** `away`: in neither list. */
	place: "registered" | "recovered" | "away";
	/** Who had it last. */
	master: string;
	/** When the stream said last that it is there. */
	heardAt: number;
	/** What was said of its leaving, and when. */
	sign: { readonly state: "lost" | "gone"; readonly reason: string; readonly at: number } | undefined;
	/** What has become of one that is away; undefined while that is open. */
	fate: Fate | undefined;
}

type Fate = Omit<Sighting, "agent">;

/** What goes by one name. */
interface Host {
	/** The one that was there last is the last. */
	readonly entries: Set<Entry>;
	told: Sighting["state"] | undefined;
}

/** Of those that are away, so many are remembered, for what may yet be said of them. */
const mostAway = 20_000;

/** A host has one, and one that it had before. */
const mostOfOneName = 8;

export function createAgentLedger({ reregisterTimeoutMs, known }: LedgerOptions): AgentLedger {
	const entries = new Map<string, Entry>();
	const hosts = new Map<string, Host>();
	let position = 0;
	let master: (Master & { readonly since: number }) | undefined;

	const place = (agent: KnownAgent, where: Entry["place"]): Entry => {
		const old = entries.get(agent.id);
		if (old !== undefined) forget(old);
		const entry: Entry = {
			agent,
			place: where,
			master: master?.id ?? "",
			heardAt: old?.heardAt ?? 0,
			sign: old?.sign,
			fate: undefined,
		};
		entries.set(agent.id, entry);
		const host = hosts.get(agent.name) ?? { entries: new Set(), told: undefined };
		hosts.set(agent.name, host);
		// Whoever was here before has been replaced, and what becomes of it says nothing of the host.
		if (where === "registered") for (const other of host.entries) if (other.place === "away") forget(other);
		host.entries.add(entry);
		const [oldest] = host.entries;
		if (oldest !== undefined && host.entries.size > mostOfOneName) forget(oldest);
		return entry;
	};

	/** The host stays, and what was told of it, for the entry that follows. */
	const forget = (entry: Entry) => {
		entries.delete(entry.agent.id);
		hosts.get(entry.agent.name)?.entries.delete(entry);
	};

	const tell = (name: string): readonly Sighting[] => {
		const host = hosts.get(name);
		const fate = host && fateOf(host, master);
		if (host === undefined || fate === undefined || fate.state === host.told) return [];
		// Whom an operator has given up does not become one that may come back.
		if (fate.state === "lost" && host.told === "gone") return [];
		host.told = fate.state;
		return [{ agent: name, ...fate }];
	};

	const compare = ({ registered, recovered }: AgentLists, { askedAt, now }: { askedAt: number; now: number }) => {
		const touched = new Set<string>();
		const listed = new Set<string>();
		for (const agent of recovered) {
			place(agent, "recovered");
			listed.add(agent.id);
		}
		for (const agent of registered) {
			const entry = place(agent, "registered");
			// It was said that it leaves, and then it was there.
			if (entry.sign !== undefined && entry.sign.at <= askedAt) entry.sign = undefined;
			listed.add(agent.id);
			touched.add(agent.name);
		}
		const isPatient = now - (master?.since ?? now) < reregisterTimeoutMs;
		for (const entry of entries.values()) {
			const { agent, sign } = entry;
			if (listed.has(agent.id) || entry.heardAt > askedAt) continue;
			entry.place = "away";
			// A new master whose memory is empty has lost nobody.
			if (entry.fate === undefined && entry.master !== master?.id && isPatient) continue;
			entry.fate = sign ?? entry.fate ?? { state: "lost", reason: `master ${master?.address} has it no more` };
			touched.add(agent.name);
		}
		return [...touched].flatMap(tell);
	};

	const prune = () => {
		const away = [...entries.values()].filter((entry) => entry.place === "away");
		for (const entry of away.slice(0, Math.max(0, away.length - mostAway))) forget(entry);
		for (const [name, host] of hosts) if (host.entries.size === 0) hosts.delete(name);
	};

	const note = (id: string, sign: Fate & { readonly state: "lost" | "gone" }): Verdict => {
		const entry = entries.get(id);
		if (entry === undefined) return nothing;
		position++;
		if (entry.sign?.state !== "gone" || sign.state === "gone") entry.sign = { ...sign, at: position };
		return { sightings: [], ask: entry.fate?.state !== entry.sign?.state };
	};

	for (const name of known) place({ id: `${placeholder}${name}`, name }, "away");
	return {
		position: () => position,
		apply(event, now) {
			switch (event.kind) {
				case "master":
					if (master?.id !== event.master.id) master = { ...event.master, since: now };
					return nothing;
				case "lists": {
					const sightings = compare(event.lists, { askedAt: event.askedAt, now });
					prune();
					return { sightings, ask: false };
				}
				case "added": {
					const old = entries.get(event.agent.id);
					// A list has the last word about so many.
					if (old === undefined && entries.size >= 2 * mostAgents) return { sightings: [], ask: true };
					const entry = place(event.agent, "registered");
					entry.heardAt = ++position;
					entry.sign = undefined;
					// One that has been said to leave: a list says which of the two came last.
					return { sightings: tell(event.agent.name), ask: old?.sign !== undefined || old?.place === "away" };
				}
				case "removed":
					return note(event.id, { state: "gone", reason: `master ${master?.address} has removed it` });
				case "task":
					if (event.sign === "running") return { sightings: [], ask: entries.get(event.id)?.place === "away" };
					return note(event.id, fateFor(event.sign, master));
			}
		},
	};
}

/** Begins the id of an agent of which only the name is known; ids of masters have no spaces. */
const placeholder = " ";

const nothing: Verdict = { sightings: [], ask: false };

function fateOf({ entries }: Host, master: Master | undefined): Fate | undefined {
	const all = [...entries];
	if (all.some((entry) => entry.place === "registered")) {
		return { state: "present", reason: `it is registered with master ${master?.address}` };
	}
	// Of one that is waited for, or of which it is open what has become of it, nothing is said.
	if (all.some(({ place, fate }) => place === "recovered" || fate === undefined)) return undefined;
	const fate = all.at(-1)?.fate;
	return fate && { state: fate.state, reason: fate.reason };
}

function fateFor(sign: Exclude<TaskSign, "running">, master: Master | undefined): Fate & { state: "lost" | "gone" } {
	return sign === "gone"
		? { state: "gone", reason: `an operator has told master ${master?.address} that it is gone` }
		: { state: "lost", reason: `master ${master?.address} cannot reach it` };
}
