import { parseOwnerAlias } from "../../attachment/host-links.ts";
import { quoteText } from "../../cni/quote-text.ts";
import { readText, stat } from "../../linux/files.ts";
import { type Link, listLinks } from "../../netlink/link.ts";
import { openRouteSocket } from "../../netlink/rtnetlink.ts";
import { cachedWitnesses } from "./cached-witnesses.ts";
import { chainWitnesses } from "./chain-witnesses.ts";
import { firewallWitnesses } from "./firewall-witnesses.ts";
import { type HeardWitness, type TaggedWitness, tagged } from "./heard-witness.ts";
import { isolatorWitnesses } from "./isolator-witnesses.ts";
import { type Namespaces, readNamespaces } from "./namespaces.ts";
import { type Processes, readProcesses } from "./processes.ts";
import { recordedWitnesses } from "./recorded-witnesses.ts";
import { sandboxState } from "./sandbox-state.ts";
import type { StatePlaces } from "./state-places.ts";
import { connectedSandbox, type Witness } from "./witness.ts";
import { indexWitnesses, type WitnessIndex } from "./witness-index.ts";

/** What there is on this host at one time, and what tells of attachments. */
export interface Survey {
	/** Milliseconds since the epoch. */
	readonly takenAt: number;
	/** The same, of the boot; as good as the clock was. */
	readonly bootedAt: number;
	readonly places: StatePlaces;
	readonly processes: Processes;
	readonly namespaces: Namespaces;
	/** Of the host's namespace. */
	readonly hostLinks: readonly Link[];
	readonly witnesses: readonly HeardWitness[];
	readonly witnessIndex: WitnessIndex;
	/** Why not every container of the machine can be seen from here; empty when all can. */
	readonly blindness: readonly string[];
}

/**
 * Looks at everything. Changes nothing.
 *
 * @param former witnesses of an earlier survey, which count also when what they stood on has been removed since
 */
export function takeSurvey(places: StatePlaces, { former = [] }: { former?: readonly Witness[] } = {}): Survey {
	const takenAt = Date.now();
	const bootedAt = bootTime();
	// Before the namespaces: a container that is attached between the two looks is not missed.
	const written = [
		...cachedWitnesses(places),
		...firewallWitnesses(),
		...recordedWitnesses(places),
		...chainWitnesses(places),
		...isolatorWitnesses(places),
	];
	const processes = readProcesses();
	const namespaces = readNamespaces(processes);
	using host = openRouteSocket();
	const hostLinks = listLinks(host);
	const present = [...written, ...linkWitnesses(hostLinks)].map(tagged);
	const addressesOf = Map.groupBy([...present, ...former.map(tagged)], ({ prefix }) => prefix);
	const hear = (witness: TaggedWitness): HeardWitness => {
		const addresses = addressesOf.get(witness.prefix)?.flatMap((each) => each.addresses) ?? [];
		return { ...witness, state: sandboxState(witness, { addresses, namespaces, bootedAt }) };
	};
	const witnesses = [
		...present.map(hear),
		// Of an earlier survey only what is gone: what has come to life tells so itself.
		...former.map((witness) => hear(tagged(witness))).filter(({ state }) => state.kind === "gone"),
	];
	return {
		takenAt,
		bootedAt,
		places,
		processes,
		namespaces,
		hostLinks,
		witnesses,
		witnessIndex: indexWitnesses(witnesses),
		blindness: blindness(processes.hidden, namespaces),
	};
}

/** A veth pair ends with either namespace: where the host's end is, the container's namespace exists. */
function linkWitnesses(links: readonly Link[]): readonly Witness[] {
	return links.filter(isConnected).flatMap(({ name, alias }) => {
		const attachment = parseOwnerAlias(alias)?.attachment;
		const sandbox = { path: connectedSandbox, namespace: "" };
		return attachment === undefined
			? []
			: [{ attachment, source: `host link ${quoteText(name)}`, sandbox, addresses: [], since: undefined }];
	});
}

export function isConnected({ kind, isPeerElsewhere }: Link): boolean {
	return kind === "veth" && isPeerElsewhere;
}

/** PROC_PID_INIT_INO */
const firstPidNamespace = 0xeffffffcn;

function blindness(hidden: number, { unreadable }: Namespaces): readonly string[] {
	const here = stat("/proc/self/ns/pid").inode === firstPidNamespace;
	return [
		...(here ? [] : ["it runs in a PID namespace, and sees the processes of that alone"]),
		...(hidden === 0 ? [] : [`${hidden === 1 ? "a process" : `${hidden} processes`} cannot be read`]),
		...(unreadable.length === 0
			? []
			: [
					`${unreadable.length === 1 ? "a network namespace" : `${unreadable.length} network namespaces`} cannot be entered`,
				]),
	];
}

function bootTime(): number {
	const seconds = /^btime (\d+)$/m.exec(readText("/proc/stat"))?.[1];
	return Number(seconds ?? 0) * 1000;
}
