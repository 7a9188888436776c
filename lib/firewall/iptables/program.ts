import { spawnSync } from "node:child_process";
import { realpathSync, statSync } from "node:fs";
import { basename } from "node:path";
import { CniError, ErrorCode } from "../../cni/error.ts";
import type { Family } from "../../ip/address.ts";

/** The two implementations: rules in nf_tables, or in the older tables of the kernel; each is blind for the other's. */
export type Kind = "nft" | "legacy";

/** Where the programs of the system are, whatever PATH a runtime passes on. */
const systemDirectories = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** The kind that the host's administrator chose for `iptables`; undefined where its file does not tell. */
export function defaultKind(family: Family): Kind | undefined {
	const path = find(nameOf(family, "restore"));
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

interface Wanted {
	readonly family: Family;
	readonly verb: "save" | "restore";
	readonly kind: Kind | undefined;
}

function locate({ family, verb, kind }: Wanted): string {
	const common = find(nameOf(family, verb));
	if (kind === undefined || (common !== undefined && kindOf(common) === kind)) {
		if (common !== undefined) return common;
	} else {
		const special = find(nameOf(family, `${kind}-${verb}`));
		if (special !== undefined) return special;
		// Distributions with a single implementation do not say in the name which one it is.
		if (common !== undefined && kindOf(common) === undefined) return common;
	}
	const name = nameOf(family, kind === undefined ? verb : `${kind}-${verb}`);
	throw new CniError(ErrorCode.internal, `failed to locate iptables: "${name}": executable file not found`, {
		details: 'Install iptables, or set "ipMasqBackend": "nftables"',
	});
}

function nameOf(family: Family, suffix: string): string {
	return `${family === 4 ? "iptables" : "ip6tables"}-${suffix}`;
}

function find(name: string): string | undefined {
	const directories = [
		...(process.env.PATH ?? "").split(":").filter((entry) => entry.startsWith("/")),
		...systemDirectories,
	];
	return directories.map((directory) => `${directory}/${name}`).find(isFile);
}

function isFile(path: string): boolean {
	return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

/** Both implementations are programs of many names; the links lead to a file that says which it is. */
function kindOf(path: string): Kind | undefined {
	const file = basename(realpathSync(path));
	if (file.includes("nft")) return "nft";
	return file.includes("legacy") ? "legacy" : undefined;
}

function run(program: string, args: readonly string[], input = ""): string {
	const { status, signal, stdout, stderr, error } = spawnSync(program, args, {
		input,
		env: { PATH: systemDirectories.join(":"), LC_ALL: "C" },
		encoding: "utf8",
		maxBuffer: 256 * 1024 * 1024,
	});
	if (status === 0) return stdout;
	const ending = error?.message ?? (signal === null ? `exit status ${status}` : `signal ${signal}`);
	throw new CniError(ErrorCode.internal, `running [${[program, ...args].join(" ")}]: ${ending}: ${stderr.trim()}`, {
		details: "Look at the rules with: iptables-save -t nat",
	});
}
