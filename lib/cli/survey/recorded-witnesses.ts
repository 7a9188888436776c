import { parsePrefix } from "../../ip/address.ts";
import { unlessAbsent } from "../../linux/absent.ts";
import { isDirectory, listDirectory } from "../../linux/files.ts";
import type { AttachmentRecord, RecordFile } from "../../state/attachment-records.ts";
import { type DhcpLeaseRecord, dhcpLeaseDirectory, dhcpLeases } from "../../state/dhcp-leases.ts";
import { hostDeviceRecords } from "../../state/host-device-record.ts";
import { sourceRoutingRecords } from "../../state/source-routing-record.ts";
import { listTuningFiles } from "../../state/tuning-record.ts";
import { vrfRecords } from "../../state/vrf-record.ts";
import type { StatePlaces } from "./state-places.ts";
import type { Witness } from "./witness.ts";

/** Plugins that keep a record of each attachment for their DEL, in files of one form. */
export type RecordingType = "sbr" | "vrf" | "tuning" | "host-device" | "dhcp";

/** What a kind of record is, and how it is read. */
export interface RecordSource {
	readonly type: RecordingType;
	/** What the record tells of, for messages. */
	readonly what: string;
	networksIn(dataDir: string): readonly string[];
	/** Every file of the network, complete or not. */
	filesOf(place: { dataDir: string; network: string }): readonly RecordFile<AttachmentRecord>[];
	/** The attachment's address, with its length, where the record has it. */
	addressOf?(record: AttachmentRecord): string;
	/** What tells DEL where they are. */
	configOf(dataDir: string): Readonly<Record<string, unknown>>;
}

export const recordSources: readonly RecordSource[] = [
	{
		type: "sbr",
		what: "source routing",
		networksIn: directoriesIn,
		filesOf: (place) => sourceRoutingRecords(place).list(),
		configOf,
	},
	{
		type: "vrf",
		what: "VRF",
		networksIn: directoriesIn,
		filesOf: (place) => vrfRecords(place).list(),
		configOf,
	},
	{
		type: "tuning",
		what: "tuning",
		networksIn: (dataDir) => directoriesIn(`${dataDir}/.cni-suite`),
		filesOf: ({ dataDir, network }) => listTuningFiles(dataDir, network),
		configOf,
	},
	{
		type: "host-device",
		what: "host device",
		networksIn: directoriesIn,
		filesOf: (place) => hostDeviceRecords(place).list(),
		configOf,
	},
	{
		type: "dhcp",
		what: "DHCP lease",
		networksIn: directoriesIn,
		filesOf: ({ dataDir, network }) => dhcpLeases(socketOf(dataDir)).of(network).list(),
		addressOf: (record) => (record as DhcpLeaseRecord).address,
		configOf: (dataDir) => ({ ipam: { type: "dhcp", daemonSocketPath: socketOf(dataDir) } }),
	},
];

function configOf(dataDir: string): Readonly<Record<string, unknown>> {
	return { dataDir };
}

/** The socket beside which its daemon keeps leases in that directory. */
function socketOf(dataDir: string): string {
	return dataDir.slice(0, -dhcpLeaseDirectory("").length);
}

/** One file of a record, and where it is. */
export interface FoundRecord {
	readonly source: RecordSource;
	readonly dataDir: string;
	readonly network: string;
	readonly file: RecordFile<AttachmentRecord>;
}

export function findRecords(places: StatePlaces, sources = recordSources): readonly FoundRecord[] {
	return sources.flatMap((source) =>
		places
			.directoriesOf(source.type)
			.flatMap((dataDir) =>
				source
					.networksIn(dataDir)
					.flatMap((network) =>
						source.filesOf({ dataDir, network }).map((file) => ({ source, dataDir, network, file })),
					),
			),
	);
}

/** The records of plugins beside the firewall's. */
export function recordedWitnesses(places: StatePlaces): readonly Witness[] {
	return findRecords(places).flatMap(({ source, network, file: { record, changedAt } }) => {
		if (record === undefined) return [];
		const { containerId, ifName, sandbox } = record;
		const address = parsePrefix(source.addressOf?.(record) ?? "")?.address;
		return [
			{
				attachment: { network, containerId, ifName },
				source: `the record of ${source.what}`,
				sandbox,
				addresses: address === undefined ? [] : [address],
				since: changedAt,
			},
		];
	});
}

/** The networks that have a folder there; those that begin with a dot are of other use. */
export function directoriesIn(directory: string): readonly string[] {
	const names = unlessAbsent(() => listDirectory(directory)) ?? [];
	return names.filter((name) => !name.startsWith(".") && isDirectory(`${directory}/${name}`)).sort();
}
