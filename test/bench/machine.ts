import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { join } from "node:path";
import { root } from "../support/paths.ts";
import type { Bench } from "./figure.ts";

/** One paragraph: what the figures were measured on and with. */
export function machine({ stock, quick }: Pick<Bench, "stock" | "quick">): string {
	const processors = cpus();
	const gigabytes = Math.round(totalmem() / 1024 ** 3);
	const parts = [
		`${processors[0]?.model.trim()}, ${processors.length} cores, ${gigabytes} GB`,
		`Linux ${release()}`,
		`ours: ${engine()}`,
		`stock: ${stockVersion(stock)}`,
		...(quick ? ["**quick run: too few samples to quote**"] : []),
	];
	return parts.join("; ");
}

/** By the list that bin/setup fetches it from. */
function engine(): string {
	const list = readFileSync(join(root, "lib/engine/requirements.txt"), "utf8");
	return `QuickJS-NG ${/^quickjs-ng==(\S+)/m.exec(list)?.[1] ?? "unknown"}`;
}

/** What bin/setup wrote when it built them, or else what they say themselves when run without a command. */
function stockVersion(directory: string): string {
	const noted = join(directory, "../versions");
	if (existsSync(noted)) return readFileSync(noted, "utf8").trim();
	const { stdout, stderr } = spawnSync(join(directory, "bridge"), [], { env: {}, encoding: "utf8" });
	return /CNI \S+ plugin [^\n]*/.exec(`${stdout}${stderr}`)?.[0] ?? "unknown";
}
