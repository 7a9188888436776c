import { asObject } from "../../cni/member-of.ts";
import { defaultCacheDirectory } from "../../cni/runtime/runtime.ts";
import { defaultDataDir } from "../../ipam/file-store/layout.ts";
import { unlessAbsent } from "../../linux/absent.ts";
import { realPath } from "../../linux/files.ts";
import { defaultDhcpSocket, dhcpLeaseDirectory } from "../../state/dhcp-leases.ts";
import { defaultHostDeviceDirectory } from "../../state/host-device-record.ts";
import { defaultSourceRoutingDirectory } from "../../state/source-routing-record.ts";
import { defaultTuningDirectory } from "../../state/tuning-record.ts";
import { defaultVrfDirectory } from "../../state/vrf-record.ts";
import { configDocuments } from "./config-documents.ts";

/** The plugins that keep something in a directory of their own, which configurations may name. */
export type KeepingType = "host-local" | "sbr" | "vrf" | "tuning" | "host-device" | "dhcp" | "chain";

/** Where the state of attachments is on this host. */
export interface StatePlaces {
	/** libcni's: the directory above `results`. */
	readonly cacheDirectory: string;
	/** The directories of a plugin: its default one, and those that configurations name. */
	directoriesOf(type: KeepingType): readonly string[];
	/** State roots of Mesos's isolator. */
	readonly isolatorRoots: readonly string[];
}

const defaults: Readonly<Record<KeepingType, string>> = {
	"host-local": defaultDataDir,
	sbr: defaultSourceRoutingDirectory,
	vrf: defaultVrfDirectory,
	tuning: defaultTuningDirectory,
	"host-device": defaultHostDeviceDirectory,
	dhcp: dhcpLeaseDirectory(defaultDhcpSocket),
	chain: "/run/cni-suite",
};

/** Of `cnictl task`, and of an agent without `--runtime_dir`, under both names of /run. */
const isolatorRoots: readonly string[] = [
	"/run/cni-suite/mesos/isolators/network/cni",
	"/run/mesos/isolators/network/cni",
	"/var/run/mesos/isolators/network/cni",
];

/**
 * Looks for directories in the configurations that there are, and in those that the result cache has kept.
 *
 * @param options.dataDirs more of host-local
 */
export function findStatePlaces({
	configDirectory,
	dataDirs,
	cacheDirectory = defaultCacheDirectory,
}: {
	configDirectory: string;
	dataDirs: readonly string[];
	cacheDirectory?: string;
}): StatePlaces {
	const found = new Map<string, Set<string>>(Object.entries(defaults).map(([type, path]) => [type, new Set([path])]));
	for (const path of dataDirs) found.get("host-local")?.add(path);
	for (const document of configDocuments({ configDirectory, cacheDirectory })) collect(document, found);
	return {
		cacheDirectory,
		directoriesOf: (type) => [...(found.get(type) ?? [])],
		isolatorRoots: [...new Set(isolatorRoots.flatMap((path) => unlessAbsent(() => realPath(path)) ?? []))],
	};
}

/** Whatever has a `type` of ours and names a directory, at any depth: lists, chains, and what delegates. */
function collect(value: unknown, found: ReadonlyMap<string, Set<string>>): void {
	if (Array.isArray(value)) for (const item of value) collect(item, found);
	const object = asObject(value);
	if (object === undefined || Array.isArray(value)) return;
	const { type, dataDir, stateDir, daemonSocketPath } = object;
	const leases = typeof daemonSocketPath === "string" ? dhcpLeaseDirectory(daemonSocketPath) : undefined;
	const directory = type === "chain" ? stateDir : type === "dhcp" ? leases : dataDir;
	if (typeof type === "string" && typeof directory === "string" && directory.startsWith("/")) {
		found.get(type)?.add(directory.replace(/(?<=.)\/+$/, ""));
	}
	for (const member of Object.values(object)) collect(member, found);
}
