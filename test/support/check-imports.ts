/**
 * Holds the import directions and finds cycles: dependency-cruiser with the rules of .dependency-cruiser.cjs.
 *
 *     node test/support/check-imports.ts [ROOT]
 *
 * It reads TypeScript through swc (its own TypeScript parser needs a compiler older than ours), whose tree walker does
 * not know `using` declarations yet. So it is given copies of our files in which `using` reads `const`: what a file
 * imports is the same.
 */
import { spawnSync } from "node:child_process";
import {
	cpSync,
	existsSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const home = resolve(import.meta.dirname, "../..");
const root = resolve(process.argv[2] ?? home);
const copy = mkdtempSync(join(tmpdir(), "cst-imports-"));
try {
	process.exitCode = cruise();
} finally {
	rmSync(copy, { recursive: true, force: true });
}

function cruise(): number {
	const folders = ["bin", "lib", "plugins", "test"].filter((folder) => existsSync(join(root, folder)));
	for (const folder of folders) {
		cpSync(join(root, folder), join(copy, folder), { recursive: true });
		for (const name of readdirSync(join(copy, folder), { recursive: true, encoding: "utf8" })) {
			if (name.endsWith(".ts")) readable(join(copy, folder, name));
		}
	}
	symlinkSync(join(home, "node_modules"), join(copy, "node_modules"));
	for (const name of ["package.json", "jest.config.mjs", ".dependency-cruiser.cjs"]) {
		cpSync(join(home, name), join(copy, name));
	}
	const program = join(home, "node_modules/.bin/depcruise");
	const args = [program, "--config", ".dependency-cruiser.cjs", "--output-type", "err-long", ...folders];
	const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: copy, encoding: "utf8" });
	// What follows the mark says only that our compiler is not the one that it would use.
	console.log(stdout.split("\n\u203c")[0]?.trim());
	if (stdout === "") console.error(stderr);
	return status === 0 ? 0 : 1;
}

function readable(path: string): void {
	const text = readFileSync(path, "utf8");
	const plain = text.replace(/^(\s*)(?:await\s+)?using(?=\s+[\w$]+\s*[=:])/gm, "$1const");
	if (plain !== text) writeFileSync(path, plain);
}
