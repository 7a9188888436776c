import { attachmentPrefix, type NetworkAttachment } from "../cni/attachment-tag.ts";
import { annotate, CniError, ErrorCode, messageOf } from "../cni/error.ts";
import { everyOne } from "../cni/every-one.ts";
import type { Log } from "../cni/log.ts";
import type { Rollback } from "../cni/plugin.ts";
import type { Shared } from "../cni/shared.ts";
import type { IpAddress } from "../ip/address.ts";
import { openRouteSocket } from "../netlink/rtnetlink.ts";
import {
	keepsRecords,
	lockFirewall,
	lockFirewallIfKept,
	type RecordOwner,
	recordOf,
	removeRecord,
	writeRecord,
} from "../state/firewall-records.ts";
import { isSandboxGone } from "../state/sandbox-identity.ts";
import { collectStale } from "./collect-stale.ts";
import { isIptablesInUse } from "./iptables/in-use.ts";
import { iptablesPortMap } from "./iptables-port-map.ts";
import { enableLocalhost, missingLocalhost } from "./localhost.ts";
import { nftablesPortMap } from "./nftables-port-map.ts";
import { isWithoutNftables, type Nftables, nftablesOf, withNftables } from "./nftables-session.ts";
import {
	type KnownPorts,
	type PortEntry,
	type PortHolder,
	type PortMap,
	type PortMapBackend,
	portEntries,
} from "./port-map-backend.ts";
import type { PortMapBackendName } from "./port-map-choice.ts";
import { recordedPortMap, recordPortMap } from "./port-map-record.ts";
import { referencePortMap } from "./reference-port-map.ts";
import type { Removal } from "./removal.ts";
import { forgetConnectionsOf, forgetConnectionsTo } from "./stale-connections.ts";

export interface PortMapOptions {
	readonly portMap: PortMap;
	readonly backend: PortMapBackendName;
	readonly rollback: Rollback;
	readonly log: Log;
	/** What the call has open. */
	readonly shared: Shared;
}

/**
 * Maps the ports; when it is so already, nothing changes. A port that another attachment holds is taken over when that
 * one's container is surely gone, and refused otherwise.
 *
 * @throws CniError
 */
export function applyPortMap(owner: RecordOwner, options: PortMapOptions): void {
	const { portMap, backend, rollback, log, shared } = options;
	const nftables = nftablesOf(shared);
	const backends = backendsInUse(nftables, backend);
	{
		using _ = lockFirewall();
		takeOver([...backends, referencePortMap(nftables)].flatMap((each) => each.holders(portMap)));
		const rules = recordPortMap(portMap, backend);
		const previous = recordOf("portmap", owner);
		if (previous !== undefined && JSON.stringify(previous.rules) !== JSON.stringify(rules)) {
			// Before the record says otherwise: what it does not name, DEL would not find.
			const known = recordedPortMap(previous)?.portMap;
			everyOne(backends, (each) => each.remove(owner, known));
		}
		rollback.push("port mappings", () => removePortMap(owner, { told: portMap, log, shared }));
		writeRecord("portmap", { owner, rules });
		putPortMap(portMap, backend, nftables);
	}
	for (const container of localhostTargets(portMap)) {
		annotate("unable to enable route_localnet", () => enableLocalhost(shared(openRouteSocket), container));
	}
	forgetStale(portEntries(portMap), { log, because: "taken" });
}

/** The same without asking who holds the ports, and without a record: for what is on record. @throws CniError */
export function putPortMap(portMap: PortMap, backend: PortMapBackendName, nftables: Nftables = withNftables): void {
	if (backend === "iptables") {
		iptablesPortMap.apply(portMap);
		return;
	}
	try {
		nftablesPortMap(nftables).apply(portMap);
	} catch (thrown) {
		if (backend !== "automatic" || !isWithoutNftables(thrown)) throw thrown;
		iptablesPortMap.apply(portMap);
	}
}

/** @throws CniError that names everything that is missing of what {@link applyPortMap} made */
export function verifyPortMap(portMap: PortMap, backend: PortMapBackendName): void {
	const missing = [...missingInFirewall(portMap, backend), ...localhostTargets(portMap).flatMap(missingLocalhost)];
	if (missing.length === 0) return;
	const { network, containerId, ifName } = portMap.attachment;
	throw new CniError(
		ErrorCode.internal,
		`Cannot find the port mappings of interface "${ifName}" of container "${containerId}" on network "${network}": ${missing.join("; ")} missing`,
		{ details: "Somebody changed the host's firewall rules: `cnictl firewall reload` puts them back" },
	);
}

/** Whether the firewall has all of it. @throws CniError when it cannot be read */
export function isPortMapThere(portMap: PortMap, backend: PortMapBackendName): boolean {
	return missingInFirewall(portMap, backend).length === 0;
}

/**
 * Removes the attachment's port maps from both backends, whoever made them and whether or not anything is there.
 *
 * @param told what the configuration and the result say of them; undefined where nobody can say, and all has to be searched
 * @throws CniError: the first, after everything was tried
 */
export function removePortMap(
	attachment: NetworkAttachment,
	{ told, log, onlyIf, shared }: { told: KnownPorts | undefined; log: Log } & Removal,
): void {
	const nftables = nftablesOf(shared);
	const backends = backendsInUse(nftables);
	let known: KnownPorts | undefined;
	{
		using _ = lockFirewallIfKept();
		if (onlyIf?.() === false) return;
		known = knownOf(attachment, told);
		// The reference's rules do not say of which network they are: without a record, what the call was told is better
		// than nothing, and without that they may be of another.
		const reference = (known ?? told) === undefined ? [] : [referencePortMap(nftables)];
		everyOne(
			[
				...backends.map((backend) => () => backend.remove(attachment, known)),
				...reference.map((backend) => () => backend.remove(attachment, known ?? told)),
			],
			(remove) => remove(),
		);
		removeRecord("portmap", attachmentPrefix(attachment));
	}
	const ports = known ?? told;
	if (ports !== undefined) forgetStale(portEntries(ports), { log, because: "gone" });
}

/**
 * Removes the port maps of attachments of the network that are not among the valid ones.
 *
 * @throws CniError: the first, after everything was tried
 */
export function collectPortMaps(
	network: string,
	validAttachments: readonly Omit<NetworkAttachment, "network">[],
): void {
	collectStale(backendsInUse(withNftables), { kind: "portmap", network, validAttachments });
}

function missingInFirewall(portMap: PortMap, backend: PortMapBackendName): readonly string[] {
	const nftables = nftablesPortMap(withNftables);
	const [first, other] = backend === "iptables" ? [iptablesPortMap, nftables] : [nftables, iptablesPortMap];
	const missing = first.verify(portMap);
	if (missing.length === 0) return missing;
	// The reference prefers the other backend, and containers that it started outlive a change of suite.
	return isWhole(other, portMap) || isWhole(referencePortMap(withNftables), portMap) ? [] : missing;
}

/** Those in which something may be, and the wanted one. */
function backendsInUse(nftables: Nftables, wanted?: PortMapBackendName): readonly PortMapBackend[] {
	const first = nftablesPortMap(nftables);
	return wanted === "iptables" || isIptablesInUse(nftables) ? [first, iptablesPortMap] : [first];
}

/** The container's addresses that the host's localhost is to reach. */
function localhostTargets(portMap: PortMap): readonly IpAddress[] {
	const targets = portEntries(portMap).filter(({ family }) => portMap.snat && family === 4);
	return targets.slice(0, 1).map(({ target }) => target);
}

/** Without this, packets may go astray for a while; that is no reason to fail. */
function forgetStale(ports: readonly PortEntry[], { log, because }: { log: Log; because: "taken" | "gone" }): void {
	if (!ports.some(({ protocol }) => protocol !== "tcp")) return;
	try {
		if (because === "taken") forgetConnectionsTo(ports);
		else forgetConnectionsOf(ports);
	} catch (thrown) {
		log.warn(`Cannot forget tracked connections to mapped ports: ${messageOf(thrown)}`);
	}
}

function takeOver(holders: readonly PortHolder[]): void {
	for (const holder of holders) {
		const record = holder.record();
		if (record === undefined || !isSandboxGone(record.sandbox)) throw refusal(holder, record?.attachment);
	}
	for (const holder of holders) holder.release();
}

function refusal({ port, description }: PortHolder, attachment: NetworkAttachment | undefined): CniError {
	const holder =
		attachment === undefined
			? description
			: `container "${attachment.containerId}" (network "${attachment.network}", interface "${attachment.ifName}")`;
	return new CniError(ErrorCode.internal, `Cannot map ${port} of the host: ${holder} holds it`, {
		details: "Choose another host port, or delete that attachment. A holder whose namespace is gone is replaced",
	});
}

/**
 * The record says everything. Where none is, nothing was made, or somebody removed it: then what the call was told is
 * looked at, and without any record of anybody, everything.
 */
function knownOf(attachment: NetworkAttachment, told: KnownPorts | undefined): KnownPorts | undefined {
	const record = recordOf("portmap", attachment);
	const recorded = record === undefined ? undefined : recordedPortMap(record)?.portMap;
	if (recorded !== undefined) return recorded;
	return keepsRecords("portmap") ? told : undefined;
}

function isWhole(backend: Pick<PortMapBackend, "verify">, portMap: PortMap): boolean {
	try {
		return backend.verify(portMap).length === 0;
	} catch {
		// Without the programs of iptables, nothing can be in it.
		return false;
	}
}
