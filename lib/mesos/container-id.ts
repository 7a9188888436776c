import { CniError, ErrorCode } from "../cni/error.ts";

/** How Mesos names a container, in the form of its JSON: a nested one within that of its parent. */
export interface ContainerId {
	readonly value: string;
	readonly parent?: ContainerId;
}

/** `parent.child`: CNI_CONTAINERID, and the name of the container's directory. */
export function formatContainerId({ value, parent }: ContainerId): string {
	return parent === undefined ? value : `${formatContainerId(parent)}.${value}`;
}

/** The inverse of {@link formatContainerId}. @throws CniError code 4 when a level is no id */
export function parseContainerId(text: string): ContainerId {
	return text.split(".").reduce<ContainerId | undefined>((parent, value) => {
		validateLevel(value, text);
		return parent === undefined ? { value } : { value, parent };
	}, undefined) as ContainerId;
}

/** The container that is nested in no other. */
export function rootOf(id: ContainerId): ContainerId {
	return id.parent === undefined ? id : rootOf(id.parent);
}

/** As long as Mesos allows, which makes names of directories out of them. */
const longestLevel = 242;
const longestFileName = 255;

function validateLevel(value: string, text: string): void {
	const problem = problemOf(value) ?? (text.length > longestFileName ? "it is too long for a file name" : undefined);
	if (problem === undefined) return;
	throw new CniError(ErrorCode.invalidEnvironment, `Cannot use the container id ${JSON.stringify(text)}: ${problem}`, {
		details: `An id has up to ${longestLevel} letters, digits, "-" and "_"; "." stands between parent and child`,
	});
}

/** Mesos refuses what is no file name, spaces and control characters. Plugins of CNI refuse more than that themselves. */
function problemOf(value: string): string | undefined {
	if (value === "") return "a part of it is empty";
	if (value.length > longestLevel) return `a part of it has ${value.length} characters`;
	return /[/\\\s]|\p{Cc}|\ufffd/u.test(value) ? 'it contains a space, "/", "\\" or a control character' : undefined;
}
