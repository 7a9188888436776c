import type { Sighting } from "../../cluster/agent-source.ts";
import type { MesosMasterOptions } from "./open-mesos-master.ts";

/** What can be said in JSON of how a master is watched. */
export type WatchedMaster = Omit<MesosMasterOptions, "log" | "clock" | "sleep" | "random">;

/** What a process that watches a master says: a line for people, or what it has seen, again and again. */
export type MesosReport = { readonly log: string } | Seen;

export interface Seen {
	readonly sightings: readonly Sighting[];
	readonly isCurrent: boolean;
}
