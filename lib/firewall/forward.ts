import type { NetworkAttachment } from "../cni/attachment-tag.ts";
import { CniError, ErrorCode } from "../cni/error.ts";
import type { Log } from "../cni/log.ts";
import type { Rollback } from "../cni/plugin.ts";
import { formatAddress } from "../ip/address.ts";
import type { RecordOwner } from "../state/firewall-records.ts";
import { addSources, missingSources } from "./firewalld/firewalld.ts";
import { chooseForwardBackend, type ForwardBackendName } from "./forward-choice.ts";
import { partsOf } from "./forward-parts.ts";
import { type ForwardRecord, recordedForward, recordForward, textOf } from "./forward-record.ts";
import { removeRecorded } from "./forward-removal.ts";
import { iptablesForward } from "./iptables-forward.ts";
import { nftablesForward } from "./nftables-forward.ts";

/** What an attachment shall have. */
export interface ForwardRequest extends Omit<ForwardRecord, "backend" | "automatic"> {
	readonly owner: RecordOwner;
	readonly backend: ForwardBackendName | "automatic";
}

/**
 * Lets the host forward what the addresses send and the answers to it, and keeps others out as the ingress policy says.
 * What is to be done is recorded first, and can be taken back whatever happens then.
 *
 * @throws CniError
 */
export async function applyForward(
	request: ForwardRequest,
	{ rollback, log }: { rollback: Rollback; log: Log },
): Promise<void> {
	const { owner } = request;
	const record = chosen(request);
	const earlier = recordedForward(owner);
	rollback.push("firewall rules", async () => {
		await removeRecorded(owner, { record, log });
		// A container that runs already keeps what it has.
		if (earlier !== undefined) applyRecord(owner, earlier);
	});
	if (earlier !== undefined && JSON.stringify(textOf(earlier)) !== JSON.stringify(textOf(record))) {
		await removeRecorded(owner, { record: earlier, log });
	}
	applyRecord(owner, record);
}

/** @throws CniError that names everything that is missing of what {@link applyForward} made */
export function verifyForward(request: ForwardRequest): void {
	const { owner } = request;
	const all = chosen(request);
	const record = recordedForward(owner) === undefined ? asReference(all) : all;
	const missing = missingOf(owner, record);
	if (missing.length === 0) return;
	// nftables is chosen where iptables decides nothing; containers that the reference started have their rules there.
	if (record.backend === "nftables" && isWhole(owner, { ...record, backend: "iptables" })) return;
	throw new CniError(
		ErrorCode.internal,
		`Cannot find the firewall rules of ${record.addresses.map(formatAddress).join(", ")} (interface "${owner.ifName}" of container "${owner.containerId}", network "${owner.network}"): ${missing.join("; ")} missing`,
		{ details: "Somebody changed the host's firewall rules: `cnictl firewall reload` puts them back" },
	);
}

/**
 * Puts back what is recorded; where the backend was chosen, with the one that would be chosen now.
 *
 * @throws CniError
 */
export function putForward(owner: RecordOwner, record: ForwardRecord): void {
	applyRecord(owner, chosenAnew(record));
}

/** Whether all of what is recorded is there, where it counts now. */
export function isForwardThere(owner: NetworkAttachment, record: ForwardRecord): boolean {
	return missingOf(owner, chosenAnew(record)).length === 0;
}

/** Those that speak with the kernel. firewalld is a service, and knows no more than addresses of zones. */
const backends = { nftables: nftablesForward, iptables: iptablesForward } as const;

/** What the reference would have made: containers that it started are whole without the rest. */
function asReference({ ingress, ...record }: ForwardRecord): ForwardRecord {
	return { ...record, outlet: undefined, ingress: ingress && { ...ingress, ports: [] } };
}

function missingOf(owner: NetworkAttachment, record: ForwardRecord): readonly string[] {
	const missing: string[] = [];
	for (const { backend, forward } of partsOf(owner, record)) {
		if (backend === "firewalld") missing.push(...missingSources(record.zone, forward.addresses));
		else missing.push(...backends[backend].verify(forward));
	}
	return missing;
}

function isWhole(owner: NetworkAttachment, record: ForwardRecord): boolean {
	try {
		return missingOf(owner, record).length === 0;
	} catch {
		// Without the programs of iptables, nothing can be in it.
		return false;
	}
}

function chosen({ owner: _, backend, ...rest }: ForwardRequest): ForwardRecord {
	const automatic = backend === "automatic";
	return { ...rest, automatic, backend: automatic ? chooseForwardBackend(rest.addresses) : backend };
}

/** Records, and puts into the kernel. */
function applyRecord(owner: RecordOwner, record: ForwardRecord): void {
	recordForward(owner, record);
	for (const { backend, forward } of partsOf(owner, record)) {
		if (backend === "firewalld") addSources(record.zone, forward.addresses);
		else backends[backend].apply(forward);
	}
}

function chosenAnew(record: ForwardRecord): ForwardRecord {
	return record.automatic ? { ...record, backend: chooseForwardBackend(record.addresses) } : record;
}
