import type { NetworkAttachment } from "../cni/attachment-tag.ts";
import { CniError, ErrorCode } from "../cni/error.ts";
import type { Log } from "../cni/log.ts";
import type { Rollback } from "../cni/plugin.ts";
import { formatAddress } from "../ip/address.ts";
import type { RecordOwner } from "../state/firewall-records.ts";
import { chooseForwardBackend, type ForwardBackendName } from "./forward-choice.ts";
import { loadBackend, loadFirewalld, partsOf } from "./forward-parts.ts";
import { type ForwardRecord, recordedForward, recordForward, textOf } from "./forward-record.ts";
import { removeRecorded } from "./forward-removal.ts";

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
	const record = await chosen(request);
	const earlier = recordedForward(owner);
	rollback.push("firewall rules", async () => {
		await removeRecorded(owner, { record, log });
		// A container that runs already keeps what it has.
		if (earlier !== undefined) await applyRecord(owner, earlier);
	});
	if (earlier !== undefined && JSON.stringify(textOf(earlier)) !== JSON.stringify(textOf(record))) {
		await removeRecorded(owner, { record: earlier, log });
	}
	await applyRecord(owner, record);
}

/** @throws CniError that names everything that is missing of what {@link applyForward} made */
export async function verifyForward(request: ForwardRequest): Promise<void> {
	const { owner } = request;
	const all = await chosen(request);
	const record = recordedForward(owner) === undefined ? asReference(all) : all;
	const missing = await missingOf(owner, record);
	if (missing.length === 0) return;
	// nftables is chosen where iptables decides nothing; containers that the reference started have their rules there.
	if (record.backend === "nftables" && (await isWhole(owner, { ...record, backend: "iptables" }))) return;
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
export async function putForward(owner: RecordOwner, record: ForwardRecord): Promise<void> {
	await applyRecord(owner, await chosenAnew(record));
}

/** Whether all of what is recorded is there, where it counts now. */
export async function isForwardThere(owner: NetworkAttachment, record: ForwardRecord): Promise<boolean> {
	return (await missingOf(owner, await chosenAnew(record))).length === 0;
}

/** What the reference would have made: containers that it started are whole without the rest. */
function asReference({ ingress, ...record }: ForwardRecord): ForwardRecord {
	return { ...record, outlet: undefined, ingress: ingress && { ...ingress, ports: [] } };
}

async function missingOf(owner: NetworkAttachment, record: ForwardRecord): Promise<readonly string[]> {
	const missing: string[] = [];
	for (const { backend, forward } of partsOf(owner, record)) {
		if (backend === "firewalld")
			missing.push(...(await loadFirewalld()).missingSources(record.zone, forward.addresses));
		else missing.push(...(await loadBackend(backend)).verify(forward));
	}
	return missing;
}

async function isWhole(owner: NetworkAttachment, record: ForwardRecord): Promise<boolean> {
	try {
		return (await missingOf(owner, record)).length === 0;
	} catch {
		// Without the programs of iptables, nothing can be in it.
		return false;
	}
}

async function chosen({ owner: _, backend, ...rest }: ForwardRequest): Promise<ForwardRecord> {
	const automatic = backend === "automatic";
	return { ...rest, automatic, backend: automatic ? await chooseForwardBackend(rest.addresses) : backend };
}

/** Records, and puts into the kernel. */
async function applyRecord(owner: RecordOwner, record: ForwardRecord): Promise<void> {
	recordForward(owner, record);
	for (const { backend, forward } of partsOf(owner, record)) {
		if (backend === "firewalld") (await loadFirewalld()).addSources(record.zone, forward.addresses);
		else (await loadBackend(backend)).apply(forward);
	}
}

async function chosenAnew(record: ForwardRecord): Promise<ForwardRecord> {
	return record.automatic ? { ...record, backend: await chooseForwardBackend(record.addresses) } : record;
}
