import { parseOwnerAlias } from "../../attachment/host-links.ts";
import { attachmentPrefix } from "../../cni/attachment-tag.ts";
import { quoteText } from "../../cni/quote-text.ts";
import { readText, stat } from "../../linux/files.ts";
import { type Link, listLinks } from "../../netlink/link.ts";
import { openRouteSocket } from "../../netlink/rtnetlink.ts";
import { cachedWitnesses } from "./cached-witnesses.ts";
import { chainWitnesses } from "./chain-witnesses.ts";
import { firewallWitnesses } from "./firewall-witnesses.ts";
import { isolatorWitnesses } from "./isolator-witnesses.ts";
import { type Namespaces, readNamespaces } from "./namespaces.ts";
import { readProcesses, type SeenProcess } from "./processes.ts";
import { recordedWitnesses } from "./recorded-witnesses.ts";
import { type SandboxState, sandboxState } from "./sandbox-state.ts";
import type { StatePlaces } from "./state-places.ts";
import { connectedSandbox, type Witness } from "./witness.ts";

/** What there is on this host at one time, and what tells of attachments. */
export interface Survey {
	/** Milliseconds since the epoch. */
	readonly takenAt: number;
	/** The same, of the boot; as good as the clock was. */
	readonly bootedAt: number;
	readonly places: StatePlaces;
	readonly processes: readonly SeenProcess[];
	readonly namespaces: Namespaces;
	/** Of the host's namespace. */
	readonly hostLinks: readonly Link[];
	readonly witnesses: readonly HeardWitness[];
	/** Why not every container of the machine can be seen from here; empty when all can. */
	readonly blindness: readonly string[];
}

export interface HeardWitness extends Witness {
	/** What the tags of its attachment begin with. */
	readonly prefix: string;
	/** What has become of the namespace that it names. */
	readonly state: SandboxState;
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
	const hear = (witness: Witness): HeardWitness => ({
		...witness,
		prefix: attachmentPrefix(witness.attachment),
		state: sandboxState(witness, { namespaces, bootedAt }),
	});
	const fresh = [...written, ...linkWitnesses(hostLinks)].map(hear);
	return {
		takenAt,
		bootedAt,
		places,
		processes: processes.all,
		namespaces,
		hostLinks,
		// Of an earlier one only what is gone: what has come to life tells so itself.
		witnesses: [...fresh, ...former.map(hear).filter(({ state }) => state.kind === "gone")],
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
