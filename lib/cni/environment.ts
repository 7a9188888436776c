import { CniError, ErrorCode } from "./error.ts";
import { validateContainerId, validateIfName } from "./validate.ts";

/** The environment variables of the protocol, validated for the command; ones that it does not use are empty. */
export interface CniEnvironment {
	/** Empty when CNI_COMMAND is unset: a person has started the plugin. */
	readonly command: string;
	readonly containerId: string;
	readonly netns: string;
	readonly ifName: string;
	readonly args: string;
	/** CNI_PATH, directories joined by colons. */
	readonly path: string;
	readonly netnsOverride: boolean;
}

type Variables = Readonly<Record<string, string | undefined>>;

interface Rule {
	readonly name: string;
	readonly requiredBy: readonly string[];
	readonly validate?: (value: string) => void;
}

/** Table and order of contract section "Environment variables"; an unknown command requires nothing. */
const rules: readonly Rule[] = [
	{ name: "CNI_CONTAINERID", requiredBy: ["ADD", "DEL", "CHECK"], validate: validateContainerId },
	{ name: "CNI_NETNS", requiredBy: ["ADD", "CHECK"] },
	{ name: "CNI_IFNAME", requiredBy: ["ADD", "DEL", "CHECK"], validate: validateIfName },
	{ name: "CNI_PATH", requiredBy: ["ADD", "DEL", "CHECK", "GC", "STATUS"] },
];

/**
 * Reads and validates the variables that the command needs. An empty variable counts as missing; an invalid one is
 * reported before any missing one.
 *
 * @throws CniError code 4
 */
export function readEnvironment(variables: Variables): CniEnvironment {
	const command = variables.CNI_COMMAND ?? "";
	const missing: string[] = [];
	for (const { name, requiredBy, validate } of rules) {
		if (!requiredBy.includes(command)) continue;
		const value = variables[name] ?? "";
		if (value === "") missing.push(name);
		else validate?.(value);
	}
	if (missing.length > 0) {
		throw new CniError(ErrorCode.invalidEnvironment, `required env variables [${missing.join(",")}] missing`);
	}
	return {
		command,
		containerId: variables.CNI_CONTAINERID ?? "",
		netns: variables.CNI_NETNS ?? "",
		ifName: variables.CNI_IFNAME ?? "",
		args: variables.CNI_ARGS ?? "",
		path: variables.CNI_PATH ?? "",
		netnsOverride: isTrue(variables.CNI_NETNS_OVERRIDE ?? ""),
	};
}

function isTrue(text: string): boolean {
	return text === "1" || text.toLowerCase() === "true";
}
