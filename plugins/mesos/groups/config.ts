import { commonKeys } from "../../../lib/cni/common-keys.ts";
import { CniError, ErrorCode } from "../../../lib/cni/error.ts";
import { type Infer, list, object, required, string } from "../../../lib/cni/schema.ts";
import { mostGroups } from "../../../lib/firewall/group-member.ts";
import { mesosKey, mesosSchema, networkInfoOf, tagName } from "../../../lib/mesos/network-info.ts";

/** The keys of groups; docs/plugins/groups.md explains each. */
export const groupsSchema = required(
	object({
		...commonKeys,
		groups: list(string("")),
		default: string("open"),
		hostPorts: string("open"),
		outside: string("open"),
		args: object({ [mesosKey]: mesosSchema, cni: object({ groups: list(string("")) }) }),
	}),
);

export type GroupsConfig = Infer<typeof groupsSchema>;

/** A configuration as the plugin acts on it: validated. */
export interface GroupsSettings {
	/** Sorted, each once. */
	readonly groups: readonly string[];
	readonly open: boolean;
	readonly hostPorts: boolean;
	readonly outside: boolean;
}

/** @throws CniError code 7 */
export function parseSettings(config: GroupsConfig): GroupsSettings {
	return {
		groups: groupsOf(config),
		open: isOpen("default", config.default),
		hostPorts: isOpen("hostPorts", config.hostPorts),
		outside: isOpen("outside", config.outside),
	};
}

/** What the framework says, or else what the runtime says, or else what is configured. */
function groupsOf({ args, groups: configured = [] }: GroupsConfig): readonly string[] {
	const fromMesos = networkInfoOf(args?.[mesosKey]).tags.groups;
	const fromRuntime = named(args?.cni?.groups ?? [], "args.cni.groups");
	const fromConfig = named(configured, "groups");
	const said = [fromMesos, fromRuntime, fromConfig].find(({ length }) => length > 0) ?? [];
	const groups = [...new Set(said)].sort();
	if (groups.length <= mostGroups) return groups;
	throw invalid(`an interface can be in ${mostGroups} groups, and this one would be in ${groups.length}`);
}

function named(groups: readonly string[], at: string): readonly string[] {
	return groups.map((group, index) => tagName(group, (cause) => invalid(`"${at}[${index}]": ${cause}`)));
}

function isOpen(key: string, value: string): boolean {
	if (value === "open" || value === "closed") return value === "open";
	throw invalid(`"${key}" must be "open" or "closed", not ${JSON.stringify(value)}`);
}

function invalid(message: string): CniError {
	return new CniError(ErrorCode.invalidNetworkConfig, `failed to parse config: ${message}`);
}
