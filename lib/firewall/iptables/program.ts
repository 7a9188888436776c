import { CniError, ErrorCode } from "../../cni/error.ts";
import type { Family } from "../../ip/address.ts";
import { realPath } from "../../linux/files.ts";
import { findProgram, runProgram } from "../program.ts";

/** The two implementations: rules in nf_tables, or in the older tables of the kernel; each is blind for the other's. */
export type Kind = "nft" | "legacy";

/** The kind that the host's administrator chose for `iptables`; undefined where its file does not tell. */
export function defaultKind(family: Family): Kind | undefined {
	const path = findProgram(nameOf(family, "restore"));
	return path === undefined ? undefined : kindOf(path);
}

/** The tables in which the suite has rules, and the keys of configurations that can do without. */
const alternatives = {
	nat: '"ipMasqBackend" of bridge, "backend" of portmap',
	filter: '"backend" of firewall',
} as const;
export type IptablesTable = keyof typeof alternatives;

interface Rules {
	readonly table: IptablesTable;
	readonly family: Family;
	/** By default the one that the administrator chose. */
	readonly kind?: Kind | undefined;
}

/** `iptables-save -t nat`, line by line. With a kind, of that implementation. @throws CniError */
export function saveNat(family: Family, kind?: Kind): readonly string[] {
	return saveTable({ table: "nat", family, kind });
}

/** {@link restoreTable} in table nat. @throws CniError */
export function restoreNat(lines: readonly string[], { family, kind }: { family: Family; kind?: Kind }): void {
	restoreTable(lines, { table: "nat", family, kind });
}

/** `iptables-save -t TABLE`, line by line. @throws CniError */
export function saveTable(rules: Rules): readonly string[] {
	const { table } = rules;
	return runProgram(locate(rules, "save"), ["-t", table], { help: helpFor(table) }).split("\n");
}

/**
 * `iptables-restore --noflush -w` of lines in one table: all of them take effect, or none.
 *
 * @param lines what iptables-save would print, made of validated parts only
 * @throws CniError
 */
export function restoreTable(lines: readonly string[], rules: Rules): void {
	const { table } = rules;
	const input = `${[`*${table}`, ...lines, "COMMIT"].join("\n")}\n`;
	runProgram(locate(rules, "restore"), ["--noflush", "-w"], { input, help: helpFor(table) });
}

/** `iptables -t nat -C CHAIN WORDS…`: whether iptables finds the rule; false also where it cannot be asked. */
export function hasRule({
	chain,
	words,
	family,
}: {
	chain: string;
	words: readonly string[];
	family: Family;
}): boolean {
	const program = findProgram(family === 4 ? "iptables" : "ip6tables");
	if (program === undefined) return false;
	try {
		runProgram(program, ["-w", "-t", "nat", "-C", chain, ...words], { help: helpFor("nat") });
		return true;
	} catch {
		return false;
	}
}

/** @throws CniError when the host lacks the program that changes such rules */
export function requireProgram(rules: Rules): void {
	locate(rules, "restore");
}

export function hasProgram(rules: Rules): boolean {
	try {
		requireProgram(rules);
		return true;
	} catch {
		return false;
	}
}

function locate({ table, family, kind }: Rules, verb: "save" | "restore"): string {
	const common = findProgram(nameOf(family, verb));
	if (kind === undefined || (common !== undefined && kindOf(common) === kind)) {
		if (common !== undefined) return common;
	} else {
		const special = findProgram(nameOf(family, `${kind}-${verb}`));
		if (special !== undefined) return special;
		// Distributions with a single implementation do not say in the name which one it is.
		if (common !== undefined && kindOf(common) === undefined) return common;
	}
	const name = nameOf(family, kind === undefined ? verb : `${kind}-${verb}`);
	throw new CniError(ErrorCode.internal, `failed to locate iptables: "${name}": executable file not found`, {
		details: `Install iptables, or choose nftables: ${alternatives[table]}`,
	});
}

function nameOf(family: Family, suffix: string): string {
	return `${family === 4 ? "iptables" : "ip6tables"}-${suffix}`;
}

/** Both implementations are programs of many names; the links lead to a file that says which it is. */
function kindOf(path: string): Kind | undefined {
	const target = realPath(path);
	const file = target.slice(target.lastIndexOf("/") + 1);
	if (file.includes("nft")) return "nft";
	return file.includes("legacy") ? "legacy" : undefined;
}

function helpFor(table: IptablesTable): string {
	return `Look at the rules with: iptables-save -t ${table}`;
}
