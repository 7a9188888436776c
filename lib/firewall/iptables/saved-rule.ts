import { type IpPrefix, parseAddress, parsePrefix } from "../../ip/address.ts";

/** One line `-A …` of iptables-save, as far as our rules go. */
export interface SavedRule {
	readonly chain: string;
	/** `-i` and `-o`; undefined: any. */
	readonly input: NamedInterface | undefined;
	readonly output: NamedInterface | undefined;
	/** Undefined: any. */
	readonly source: IpPrefix | undefined;
	readonly destination: IpPrefix | undefined;
	/** `! -d`. */
	readonly destinationNegated: boolean;
	readonly comment: string;
	/** What stands behind `-j` or `-g`. */
	readonly target: string;
	/** Behind the chain's name, as it was: the rule is deleted by it. */
	readonly specification: string;
	/** How many extensions it asks (`-m`), not counting a comment. */
	readonly matches: number;
	/** Whether it asks for a protocol. */
	readonly qualified: boolean;
}

/** An interface that a rule compares with: `-i NAME`, `! -i NAME`. A name may end with `+`, for all that begin so. */
export interface NamedInterface {
	readonly name: string;
	readonly negated: boolean;
}

/** The rules in the output of iptables-save. */
export function parseSavedRules(lines: readonly string[]): readonly SavedRule[] {
	return lines.map(parseLine).filter((rule) => rule !== undefined);
}

/** The user's and the built-in chains in the output of iptables-save. */
export function parseSavedChains(lines: readonly string[]): readonly string[] {
	return lines.filter((line) => line.startsWith(":")).map((line) => line.slice(1).split(" ", 1)[0] ?? "");
}

function parseLine(line: string): SavedRule | undefined {
	const match = /^-A (\S+) (.*)$/.exec(line);
	if (match === null) return undefined;
	const [, chain = "", specification = ""] = match;
	const words = splitWords(specification);
	const after = (option: string) => {
		const index = words.indexOf(option);
		return index < 0 ? undefined : words[index + 1];
	};
	const interfaceAfter = (option: string): NamedInterface | undefined => {
		const name = after(option);
		return name === undefined ? undefined : { name, negated: words[words.indexOf(option) - 1] === "!" };
	};
	return {
		chain,
		input: interfaceAfter("-i"),
		output: interfaceAfter("-o"),
		source: prefixOf(after("-s")),
		destination: prefixOf(after("-d")),
		destinationNegated: words[words.indexOf("-d") - 1] === "!",
		comment: after("--comment") ?? "",
		target: after("-j") ?? after("-g") ?? "",
		specification,
		matches: words.filter((word, index) => word === "-m" && words[index + 1] !== "comment").length,
		qualified: words.includes("-p"),
	};
}

/** Words as iptables-save writes them: quoted where they have to be, with backslashes before quotes and backslashes. */
export function splitWords(text: string): readonly string[] {
	return Array.from(text.matchAll(/"((?:[^"\\]|\\.)*)"|\S+/g), ([word, quoted]) =>
		quoted === undefined ? word : quoted.replace(/\\(.)/g, "$1"),
	);
}

function prefixOf(text: string | undefined): IpPrefix | undefined {
	if (text === undefined) return undefined;
	if (text.includes("/")) return parsePrefix(text);
	const address = parseAddress(text);
	return address && { address, length: address.family === 4 ? 32 : 128 };
}
