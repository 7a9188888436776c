import { copyFileSync, mkdirSync, readdirSync, realpathSync, symlinkSync } from "node:fs";
import { join } from "node:path";

/**
 * Copies a directory of executables, each file once, with links to it by its other names; returns the copy's path. Where
 * a file's pages lie in the page cache depends on how it was written and on what the machine has done since, and makes a
 * start of the same bytes faster or slower by a tenth: copies that are made together are read alike.
 */
export function freshCopy(from: string, to: string): string {
	mkdirSync(to);
	const copied = new Map<string, string>();
	for (const name of readdirSync(from)) {
		const file = realpathSync(join(from, name));
		const first = copied.get(file);
		if (first !== undefined) symlinkSync(first, join(to, name));
		else copyFileSync(file, join(to, name));
		copied.set(file, first ?? name);
	}
	return to;
}
