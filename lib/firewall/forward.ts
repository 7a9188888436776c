import { attachmentPrefix, type NetworkAttachment, networkPrefix } from "../cni/attachment-tag.ts";
import { CniError, ErrorCode } from "../cni/error.ts";
import type { Log } from "../cni/log.ts";
import type { Attachment, Rollback } from "../cni/plugin.ts";
import { createTeardown, type Teardown } from "../cni/teardown.ts";
import { formatAddress, type IpAddress, sameAddress } from "../ip/address.ts";
import { readGeneration } from "../netlink/nftables/batch.ts";
import { listRecords, type RecordOwner, removeRecord } from "../state/firewall-records.ts";
import { foreignDrops } from "./foreign-drop.ts";
import type { Forward, ForwardBackend, ForwardRemoval } from "./forward-backend.ts";
import { chooseForwardBackend, type ForwardBackendName } from "./forward-choice.ts";
import { type ForwardRecord, recordedForward, recordedForwards, recordForward, textOf } from "./forward-record.ts";
import { hasIptablesForward, isIsolatedByIptables } from "./iptables/filter-access.ts";
import { nftablesForward } from "./nftables-forward.ts";
import { withNftables } from "./nftables-session.ts";
import { isInterfaceGone, sharedBridge, sharedOutlet } from "./shared-interface.ts";

/** What an attachment shall have. */
export interface ForwardRequest extends Omit<ForwardRecord, "backend"> {
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
	const removeAll = async (old: ForwardRecord) => {
		const teardown = createTeardown(log);
		await removeSteps(owner, { record: old, teardown });
		teardown.finish();
		removeRecord("forward", attachmentPrefix(owner));
	};
	rollback.push("firewall rules", async () => {
		await removeAll(record);
		// A container that runs already keeps what it has.
		if (earlier !== undefined) await applyRecord(owner, earlier);
	});
	if (earlier !== undefined && JSON.stringify(textOf(earlier)) !== JSON.stringify(textOf(record))) {
		await removeAll(earlier);
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
		{ details: "Somebody changed the host's firewall rules: restore them, or start the container again" },
	);
}

export interface RemoveForward {
	/** What the result says that the attachment has; used where nothing is recorded of it. */
	readonly addresses: readonly IpAddress[];
	readonly backend: string;
	readonly zone: string;
	readonly log: Log;
}

/**
 * Removes what there is of the attachment, in every backend. What is recorded of it counts, else the addresses, except
 * those that another attachment has by now.
 *
 * @throws CniError: the first, after everything was tried
 */
export async function removeForward(
	attachment: NetworkAttachment,
	{ addresses, backend, zone, log }: RemoveForward,
): Promise<void> {
	const record = recordedForward(attachment) ?? {
		// The reference leaves no record; where it may have spoken with firewalld, we ask there.
		backend: backend === "firewalld" || backend === "iptables" || backend === "nftables" ? backend : "firewalld",
		zone,
		adminChain: "",
		addresses: addresses.length === 0 ? [] : notOfOthers(attachment, addresses),
		outlet: undefined,
		ingress: undefined,
	};
	const teardown = createTeardown(log);
	await removeSteps(attachment, { record, teardown });
	teardown.finish();
	removeRecord("forward", attachmentPrefix(attachment));
}

/**
 * Removes what attachments of the network have that are not among the valid ones, and what isolates bridges that are
 * gone.
 *
 * @throws CniError: the first, after everything was tried
 */
export async function collectForward(
	network: string,
	{ validAttachments, log }: { validAttachments: readonly Attachment[]; log: Log },
): Promise<void> {
	const valid = new Set(validAttachments.map((attachment) => attachmentPrefix({ network, ...attachment })));
	const teardown = createTeardown(log);
	for (const { attachment, name, ...record } of recordedForwards()) {
		if (attachment.network !== network || valid.has(name)) continue;
		await removeSteps(attachment, { record, teardown });
		await teardown.step("firewall record", () => removeRecord("forward", name));
	}
	for (const entry of nftablesForward.list(network)) {
		if (validAttachments.some((attachment) => entry.isOf({ network, ...attachment }))) continue;
		await teardown.step("firewall rules", () => entry.remove());
	}
	await teardown.step("what is shared", () => nftablesForward.removeShared(isInterfaceGone));
	if (hasIptablesForward()) {
		await teardown.step("what is shared", async () => (await load("iptables")).removeShared(isInterfaceGone));
	}
	// Those that cannot be read.
	const stale = listRecords("forward").filter((name) => name.startsWith(networkPrefix(network)) && !valid.has(name));
	for (const name of stale) await teardown.step("firewall record", () => removeRecord("forward", name));
	teardown.finish();
}

/** What the reference would have made: containers that it started are whole without the rest. */
function asReference({ ingress, ...record }: ForwardRecord): ForwardRecord {
	return { ...record, outlet: undefined, ingress: ingress && { ...ingress, ports: [] } };
}

async function missingOf(owner: RecordOwner, record: ForwardRecord): Promise<readonly string[]> {
	const missing: string[] = [];
	for (const { backend, forward } of partsOf(owner, record)) {
		if (backend === "firewalld")
			missing.push(...(await loadFirewalld()).missingSources(record.zone, forward.addresses));
		else missing.push(...(await load(backend)).verify(forward));
	}
	return missing;
}

/**
 * Whether an ADD could succeed on this host; nothing is changed. Warns of what the host drops whatever we accept.
 *
 * @throws CniError
 */
export async function probeForward(
	{ backend, zone }: Pick<ForwardRequest, "backend" | "zone">,
	log: Log,
): Promise<void> {
	for (const chain of foreignDrops()) {
		log.warn(`${chain} has policy drop: what it does not accept itself is dropped, whatever is accepted elsewhere`);
	}
	const found = backend === "automatic" ? await chooseForwardBackend([]) : backend;
	if (found === "firewalld") (await loadFirewalld()).probeFirewalld(zone);
	else if (found === "nftables") withNftables(readGeneration);
	else (await import("./iptables/program.ts")).requireProgram({ table: "filter", family: 4 });
}

async function isWhole(owner: RecordOwner, record: ForwardRecord): Promise<boolean> {
	try {
		return (await missingOf(owner, record)).length === 0;
	} catch {
		// Without the programs of iptables, nothing can be in it.
		return false;
	}
}

async function chosen({ owner: _, backend, ...rest }: ForwardRequest): Promise<ForwardRecord> {
	return { ...rest, backend: backend === "automatic" ? await chooseForwardBackend(rest.addresses) : backend };
}

/** Records, and puts into the kernel. */
async function applyRecord(owner: RecordOwner, record: ForwardRecord): Promise<void> {
	recordForward(owner, record);
	for (const { backend, forward } of partsOf(owner, record)) {
		if (backend === "firewalld") (await loadFirewalld()).addSources(record.zone, forward.addresses);
		else (await load(backend)).apply(forward);
	}
}

/** Every backend: the host may have changed its mind about who filters. */
async function removeSteps(
	attachment: NetworkAttachment,
	{ record, teardown }: { record: ForwardRecord; teardown: Teardown },
): Promise<void> {
	const { backend, zone, addresses, outlet, ingress } = record;
	const removal: ForwardRemoval = {
		attachment,
		addresses,
		isolatedPorts: ingress?.ports ?? [],
		outlet: outlet === undefined ? undefined : sharedOutlet(outlet, attachment),
		bridge: ingress === undefined ? undefined : sharedBridge(ingress, attachment),
	};
	await teardown.step("firewall nftables", () => nftablesForward.remove(removal));
	await teardown.step("firewall iptables", async () => {
		if (hasIptablesForward()) (await load("iptables")).remove(removal);
	});
	if (backend === "firewalld" && addresses.length > 0) {
		await teardown.step("firewall firewalld", async () => (await loadFirewalld()).removeSources(zone, addresses));
	}
}

/** The addresses but those that are recorded for another attachment. */
function notOfOthers(attachment: NetworkAttachment, addresses: readonly IpAddress[]): readonly IpAddress[] {
	const own = attachmentPrefix(attachment);
	const taken = recordedForwards().flatMap((record) => (record.name === own ? [] : record.addresses));
	return addresses.filter((address) => !taken.some((other) => sameAddress(other, address)));
}

async function load(backend: "nftables" | "iptables"): Promise<ForwardBackend> {
	// Most hosts need one of them.
	return backend === "nftables" ? nftablesForward : (await import("./iptables-forward.ts")).iptablesForward;
}

function loadFirewalld() {
	return import("./firewalld/firewalld.ts");
}

interface Part {
	readonly backend: ForwardBackendName;
	readonly forward: Forward;
}

/** Who does what of it: firewalld knows nothing of ingress policies, iptables nothing of what a bridge passes on. */
function partsOf(attachment: NetworkAttachment, record: ForwardRecord): readonly Part[] {
	const { backend, addresses, outlet, adminChain, ingress } = record;
	const none = { attachment, addresses, outlet, adminChain, accept: false, ingress: undefined, isolatedPorts: [] };
	const isolatedPorts = ingress?.policy === "isolated" ? ingress.ports : [];
	// Bridges are isolated from each other only where all of them are known.
	const byIptables = ingress !== undefined && (backend === "iptables" || isIsolatedByIptables(addresses));
	const iptables: Forward = {
		...none,
		accept: backend === "iptables",
		ingress: byIptables ? ingress : undefined,
	};
	const nftables: Forward = {
		...none,
		accept: backend === "nftables",
		ingress: byIptables ? undefined : ingress,
		isolatedPorts,
	};
	return [
		...(backend === "firewalld" ? [{ backend, forward: { ...none, accept: true } }] : []),
		...(iptables.accept || iptables.ingress !== undefined ? [{ backend: "iptables" as const, forward: iptables }] : []),
		...(nftables.accept || nftables.ingress !== undefined || isolatedPorts.length > 0
			? [{ backend: "nftables" as const, forward: nftables }]
			: []),
	];
}
