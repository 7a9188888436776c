import { realpathSync } from "node:fs";
import { basename } from "node:path";
import { CniError, ErrorCode } from "../../cni/error.ts";
import type { Family } from "../../ip/address.ts";
import { findProgram, runProgram } from "../program.ts";

/** The two implementations: rules in nf_tables, or in the older tables of the kernel; each is blind for the other's. */
export type Kind = "nft" | "legacy";

/** The kind that the host's administrator chose for `iptables`; undefined where its file does not tell. */
export function defaultKind(family: Family): Kind | undefined {
	const path = findProgram(nameOf(family, "restore"));
	return path === undefined ? undefined : kindOf(path);
}

/** `iptables-save -t nat`, line by line. With a kind, of that implementation. @throws CniError */
export function saveNat(family: Family, kind?: Kind): readonly string[] {
	return run(locate({ family, verb: "save", kind }), ["-t", "nat"]).split("\n");
}

/**
 * `iptables-restore --noflush -w` of lines in table nat: all of them take effect, or none.
 *
 * @param lines what iptables-save would print, made of validated parts only
 * @throws CniError
 */
export function restoreNat(lines: readonly string[], { family, kind }: { family: Family; kind?: Kind }): void {
	const program = locate({ family, verb: "restore", kind });
	run(program, ["--noflush", "-w"], `${["*nat", ...lines, "COMMIT"].join("\n")}\n`);
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
		run(program, ["-w", "-t", "nat", "-C", chain, ...words]);
		return true;
	} catch {
		return false;
	}
}

interface Wanted {
	readonly family: Family;
	readonly verb: "save" | "restore";
	readonly kind: Kind | undefined;
}

function locate({ family, verb, kind }: Wanted): string {
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
		details: 'Install iptables, or choose nftables: "ipMasqBackend" of bridge, "backend" of portmap',
	});
}

function nameOf(family: Family, suffix: string): string {
	return `${family === 4 ? "iptables" : "ip6tables"}-${suffix}`;
}

/** Both implementations are programs of many names; the links lead to a file that says which it is. */
function kindOf(path: string): Kind | undefined {
	const file = basename(realpathSync(path));
	if (file.includes("nft")) return "nft";
	return file.includes("legacy") ? "legacy" : undefined;
}

function run(program: string, args: readonly string[], input = ""): string {
	return runProgram(program, args, { input, help: "Look at the rules with: iptables-save -t nat" });
}
