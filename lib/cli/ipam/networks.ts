import { type ClusterConfig, clusterSchema } from "../../cluster/config.ts";
import { type Place, placeOf } from "../../cluster/settings.ts";
import { errorText } from "../../cni/error.ts";
import { asObject, memberOf } from "../../cni/member-of.ts";
import { decodeDocument } from "../../cni/schema.ts";
import { latestVersion } from "../../cni/version.ts";
import { defaultDataDir } from "../../ipam/file-store/layout.ts";
import type { RangeSet } from "../../ipam/range-set.ts";
import { type RangeConfig, rangeSchema } from "../../range-ipam/config.ts";
import { describePools } from "../../range-ipam/description.ts";
import { configDocuments } from "../survey/config-documents.ts";
import { directoriesIn } from "../survey/recorded-witnesses.ts";
import type { StatePlaces } from "../survey/state-places.ts";

/** A network whose addresses host-local or cluster hands out. */
export type IpamNetwork = HostLocalNetwork | ClusterNetwork;

interface AnyNetwork {
	readonly name: string;
	/** None where only the reservations tell of the network. */
	readonly sets: readonly RangeSet[];
	/** Why the ranges are not known, although a configuration has some. */
	readonly problem: string | undefined;
}

export interface HostLocalNetwork extends AnyNetwork {
	readonly type: "host-local";
	readonly dataDir: string;
	readonly cooldownMs: number;
}

export interface ClusterNetwork extends AnyNetwork {
	readonly type: "cluster";
	readonly config: ClusterConfig;
	readonly place: Place;
}

/** What was found, and the configurations that could not be understood. */
export interface FoundNetworks {
	readonly networks: readonly IpamNetwork[];
	readonly problems: readonly string[];
}

/**
 * Those of the configurations of this host, of what the result cache has kept of them, and of host-local's directories;
 * of several that say the same the first.
 */
export function findIpamNetworks(configDirectory: string, places: StatePlaces): FoundNetworks {
	const found = new Map<string, IpamNetwork>();
	const problems: string[] = [];
	const add = (network: IpamNetwork) => {
		if (!found.has(keyOf(network))) found.set(keyOf(network), network);
	};
	for (const document of configDocuments({ configDirectory, cacheDirectory: places.cacheDirectory })) {
		const name = memberOf(asObject(document) ?? {}, "name");
		// What no plugin would take, as it may be a path.
		if (typeof name !== "string" || !/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(name)) continue;
		for (const ipam of ipamSections(document)) {
			try {
				add(memberOf(ipam, "type") === "cluster" ? clusterNetwork(name, ipam) : hostLocalNetwork(name, ipam));
			} catch (thrown) {
				problems.push(`Cannot understand "ipam" of network "${name}": ${errorText(thrown)}`);
			}
		}
	}
	for (const dataDir of places.directoriesOf("host-local")) {
		for (const name of directoriesIn(dataDir)) {
			add({ type: "host-local", name, dataDir, sets: [], problem: undefined, cooldownMs: 0 });
		}
	}
	const networks = [...found.values()].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
	return { networks, problems: [...new Set(problems)] };
}

/** Whatever delegates to one of ours, at any depth. */
function ipamSections(value: unknown): readonly Readonly<Record<string, unknown>>[] {
	if (Array.isArray(value)) return value.flatMap(ipamSections);
	const object = asObject(value);
	if (object === undefined) return [];
	const type = memberOf(object, "type");
	if (type === "host-local" || type === "cluster") return [object];
	return Object.values(object).flatMap(ipamSections);
}

function hostLocalNetwork(name: string, ipam: object): HostLocalNetwork {
	const config = decodeDocument(rangeSchema, { name, ipam });
	const dataDir = (config.ipam?.dataDir || defaultDataDir).replace(/(?<=.)\/+$/, "");
	const cooldownMs = Math.max(0, config.ipam?.cooldown ?? 0) * 1000;
	return { type: "host-local", name, dataDir, cooldownMs, ...rangesOf(config) };
}

function clusterNetwork(name: string, ipam: object): ClusterNetwork {
	const config = decodeDocument(clusterSchema, { name, ipam });
	return { type: "cluster", name, config, place: placeOf(config), ...rangesOf(config) };
}

function rangesOf(config: RangeConfig): Pick<AnyNetwork, "sets" | "problem"> {
	try {
		return { sets: describePools(config, latestVersion).sets, problem: undefined };
	} catch (thrown) {
		return { sets: [], problem: errorText(thrown) };
	}
}

function keyOf(network: IpamNetwork): string {
	const { type, name } = network;
	return JSON.stringify(
		type === "host-local"
			? [type, name, network.dataDir]
			: [type, name, network.place.prefix, network.config.ipam?.endpoints],
	);
}
