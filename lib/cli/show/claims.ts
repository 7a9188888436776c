import { attachmentPrefix, type NetworkAttachment } from "../../cni/attachment-tag.ts";
import type { Result } from "../../cni/result.ts";
import { listCacheEntries } from "../../cni/runtime/result-cache.ts";
import type { GroupMember } from "../../firewall/group-member.ts";
import { recordedMember } from "../../firewall/group-record.ts";
import type { PortMapping } from "../../firewall/port-map-backend.ts";
import { recordedPortMap } from "../../firewall/port-map-record.ts";
import type { IpAddress } from "../../ip/address.ts";
import { createFileStore } from "../../ipam/file-store/file-store.ts";
import type { Label } from "../../ipam/tags.ts";
import { lockFile } from "../../linux/file-lock.ts";
import { type FirewallRecord, type RecordKind, recordKinds, recordOf } from "../../state/firewall-records.ts";
import { findChainResults } from "../survey/chain-witnesses.ts";
import type { HeardWitness } from "../survey/heard-witness.ts";
import { directoriesIn } from "../survey/recorded-witnesses.ts";
import type { Survey } from "../survey/survey.ts";
import { capabilityPorts } from "./capability-ports.ts";
import { configuredLimits, type ShownLimit } from "./limits.ts";

/** What the state on disk says of an attachment, all of it together. */
export interface Claims {
	readonly attachment: NetworkAttachment;
	readonly witnesses: readonly HeardWitness[];
	/** Of its ADD. */
	readonly result: Result | undefined;
	readonly addresses: readonly IpAddress[];
	readonly ports: readonly PortMapping[];
	readonly member: GroupMember | undefined;
	readonly labels: readonly Label[];
	readonly groups: readonly string[];
	readonly limits: readonly ShownLimit[];
	/** What the firewall should hold. */
	readonly records: readonly { readonly kind: RecordKind; readonly record: FirewallRecord }[];
	/** When it was attached, in milliseconds since the epoch: as the first of its witnesses says that has a time. */
	readonly since: number | undefined;
}

/** Every attachment that anything on the host tells of, by network, container and interface. */
export async function collectClaims(survey: Survey): Promise<readonly Claims[]> {
	const parts = [
		...survey.witnesses.map(({ attachment }) => ({ attachment })),
		...resultsOf(survey),
		...(await reservationsOf(survey)),
	];
	const together = Map.groupBy(parts, ({ attachment }) => keyOf(attachment));
	return [...together.keys()].sort().flatMap((key) => {
		const some: readonly Part[] = together.get(key) ?? [];
		const [first] = some;
		return first === undefined ? [] : [claimsOf(first.attachment, { some, survey })];
	});
}

/** What one source says. */
interface Part {
	readonly attachment: NetworkAttachment;
	readonly result?: Result | undefined;
	readonly ports?: readonly PortMapping[];
	readonly limits?: readonly ShownLimit[];
	readonly address?: IpAddress;
	readonly labels?: readonly Label[];
	readonly groups?: readonly string[];
	readonly since?: number | undefined;
}

function keyOf({ network, containerId, ifName }: NetworkAttachment): string {
	return `${network}\0${containerId}\0${ifName}`;
}

function claimsOf(attachment: NetworkAttachment, { some, survey }: { some: readonly Part[]; survey: Survey }): Claims {
	const witnesses = survey.witnessIndex.ofAttachment(attachmentPrefix(attachment));
	const records = recordKinds.flatMap((kind) => {
		const record = recordOf(kind, attachment);
		return record === undefined ? [] : [{ kind, record }];
	});
	const recordFor = (kind: RecordKind) => records.find((each) => each.kind === kind)?.record;
	const [portRecord, groupRecord] = [recordFor("portmap"), recordFor("groups")];
	const member = groupRecord && recordedMember(groupRecord);
	const tags = some.find(({ labels }) => labels !== undefined);
	const reserved = some.flatMap(({ address }) => address ?? []);
	const witnessed = witnesses.flatMap(({ addresses }) => addresses);
	return {
		attachment: { network: attachment.network, containerId: attachment.containerId, ifName: attachment.ifName },
		witnesses,
		result: some.find(({ result }) => result !== undefined)?.result,
		addresses: [...reserved, ...witnessed],
		ports: (portRecord && recordedPortMap(portRecord)?.portMap.mappings) ?? some.flatMap(({ ports }) => ports ?? []),
		member,
		labels: tags?.labels ?? [],
		groups: member?.groups ?? tags?.groups ?? [],
		limits: some.find(({ limits }) => limits !== undefined)?.limits ?? [],
		records,
		since: [...some, ...witnesses].find(({ since }) => since !== undefined)?.since,
	};
}

function resultsOf({ places }: Survey): readonly Part[] {
	const cached = listCacheEntries(places.cacheDirectory).map(({ attachment, recorded, changedAt, config }): Part => {
		const { networkName: network, containerId, ifName, capabilityArgs } = attachment;
		return {
			attachment: { network, containerId, ifName },
			result: recorded?.result,
			ports: capabilityPorts(capabilityArgs.portMappings),
			limits: configuredLimits(config, capabilityArgs.bandwidth),
			since: changedAt,
		};
	});
	const chained = findChainResults(places).flatMap(({ network, file: { owner, kept, changedAt } }): readonly Part[] =>
		kept === undefined ? [] : [{ attachment: { network, ...owner }, result: kept.result, since: changedAt }],
	);
	return [...cached, ...chained];
}

async function reservationsOf({ places }: Survey): Promise<readonly Part[]> {
	const parts: Part[] = [];
	for (const dataDir of places.directoriesOf("host-local")) {
		for (const network of directoriesIn(dataDir)) {
			const reservations = await createFileStore({ dataDir, network, cooldownMs: 0, lock: lockFile }).list();
			for (const { address, owner, tags } of reservations) {
				parts.push({ attachment: { network, ...owner }, address, ...tags });
			}
		}
	}
	return parts;
}
