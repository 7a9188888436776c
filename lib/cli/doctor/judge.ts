import { attachmentPrefix } from "../../cni/attachment-tag.ts";
import { quoteText } from "../../cni/quote-text.ts";
import { formatAddress } from "../../ip/address.ts";
import type { HeardWitness } from "../survey/heard-witness.ts";
import type { LivingNamespace } from "../survey/namespaces.ts";
import type { SeenProcess } from "../survey/processes.ts";
import type { Survey } from "../survey/survey.ts";
import type { Look, Owner, Verdict } from "./finding.ts";

export interface Exhibit {
	/** When it was made, in milliseconds since the epoch, where it tells. */
	readonly since?: number | undefined;
	/** What proves by itself that no living container owns it, as a sentence, whoever the owner is. */
	readonly proof?: string | undefined;
	/** Whether the proof holds although the container's namespace lives on. */
	readonly outlivesInterface?: boolean;
	/** Whether the addresses are the thing itself, and not only its owner's: then nobody else may have one of them. */
	readonly isAddress?: boolean;
}

/**
 * Whether something is left over.
 *
 * Living is whoever has a namespace that exists, by any witness. For death there has to be a proof: a witness that is as
 * young as the thing itself names a namespace that is gone, or the thing proves it. And nothing may speak against it: no
 * plugin at work for the container, no process that bears its id, no namespace with its address, no youth.
 */
export function judge(owner: Owner, { survey, minAgeMs }: Look, exhibit: Exhibit = {}): Verdict {
	const heard = witnessesOf(owner, survey);
	const living = exhibit.outlivesInterface ? undefined : heard.find(({ state }) => state.kind === "alive");
	if (living !== undefined) return { certainty: "lives", reason: `its namespace is there, as ${living.source} tells` };
	const doubt = doubtOf(owner, { survey, heard, minAgeMs, exhibit });
	if (doubt !== undefined) return { certainty: "unsure", reason: doubt };
	const proof = exhibit.proof ?? proofIn(heard, exhibit);
	if (proof !== undefined) {
		if (survey.blindness.length === 0) return { certainty: "sure", reason: proof };
		return { certainty: "likely", reason: `${proof}; but ${survey.blindness.join(", and ")}` };
	}
	const hasAddress = (owner.addresses ?? []).length > 0;
	if (hasAddress && survey.blindness.length === 0) {
		return {
			certainty: "likely",
			reason: "no namespace of this machine has its address, and nothing tells of its container",
		};
	}
	return { certainty: "unsure", reason: "nothing on this host tells what has become of its container" };
}

function witnessesOf({ prefix, network, containerId, ifName, addresses = [] }: Owner, survey: Survey) {
	const { ofAttachment, ofContainer, withAddress } = survey.witnessIndex;
	if (prefix !== undefined) return ofAttachment(prefix);
	if (containerId === undefined) return addresses.flatMap(withAddress);
	return ofContainer(containerId).filter(
		({ attachment }) =>
			(network === undefined || network === attachment.network) &&
			// Older releases of host-local, and iptables, tell no interface.
			(!ifName || ifName === attachment.ifName),
	);
}

interface Case {
	readonly survey: Survey;
	readonly heard: readonly HeardWitness[];
	readonly minAgeMs: number;
	readonly exhibit: Exhibit;
}

/** What speaks for its being somebody's. */
function doubtOf(owner: Owner, { survey, heard, minAgeMs, exhibit }: Case): string | undefined {
	const containerId = owner.containerId ?? heard[0]?.attachment.containerId;
	const worker = survey.processes.all.find(({ attaches }) => attaches !== undefined && attaches === containerId);
	if (worker !== undefined) return `${describeProcess(worker)} attaches or detaches its container at this moment`;
	const bearer = containerId === undefined ? undefined : survey.processes.bearerOf(containerId);
	if (bearer !== undefined) return `${describeProcess(bearer)} bears the id of its container`;
	const youngest = Math.max(exhibit.since ?? 0, ...heard.map(({ since }) => since ?? 0));
	const ageMs = survey.takenAt - youngest;
	if (ageMs < minAgeMs) return `${ageText(ageMs)}, and an ADD or DEL may be under way`;
	// Of the container's other addresses too: who has one of them may be the container.
	for (const address of [...(owner.addresses ?? []), ...heard.flatMap(({ addresses }) => addresses)]) {
		const [holder] = survey.namespaces.holdersOf(address);
		const isTakenOver = survey.witnessIndex.withAddress(address).some(({ state }) => state.kind === "alive");
		if (holder !== undefined && (exhibit.isAddress || !isTakenOver)) {
			return `${formatAddress(address)} is in use in ${describeNamespace(holder, survey)}`;
		}
	}
	return undefined;
}

/** A clock that was set back tells nothing of the age of what it saw before. */
function ageText(ageMs: number): string {
	const seconds = Math.round(ageMs / 1000);
	return seconds < 0 ? `it is dated ${-seconds} s after the present time of the clock` : `it is ${seconds} s old`;
}

/** A witness of an earlier life of the container proves nothing about what has come since. */
function proofIn(heard: readonly HeardWitness[], { since = 0 }: Exhibit): string | undefined {
	for (const { state, source, since: told } of heard) {
		if (state.kind === "gone" && (told === undefined || told + clockGranularityMs >= since)) {
			return `its ${state.why}, as ${source} tells`;
		}
	}
	return undefined;
}

/** The kernel stamps files with a clock that ticks every few milliseconds. */
const clockGranularityMs = 20;

export function describeProcess({ pid, name }: SeenProcess): string {
	return `process ${pid} (${quoteText(name)})`;
}

export function describeNamespace({ paths, pids }: LivingNamespace, { processes }: Survey): string {
	const process = processes.all.find(({ pid }) => pids.includes(pid));
	return process === undefined
		? `the namespace ${quoteText(paths[0] ?? "?")}`
		: `the namespace of ${describeProcess(process)}`;
}

/** The owner that an attachment is. */
export function ownerOf(attachment: { network: string; containerId: string; ifName: string }): Owner {
	return { ...attachment, prefix: attachmentPrefix(attachment) };
}
