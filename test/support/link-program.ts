import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, renameSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { root } from "./paths.ts";

/**
 * Compiles a program of test/fixtures as bin/build compiles the suite, unless that has been done since a source changed.
 *
 * @param name of the source and of the executable, which is put in `folder` of the cache
 * @param rooms of lib that it is made of
 * @returns the path of the executable
 */
export function linkProgram(
	name: string,
	{ folder, as = name, rooms }: { folder: string; as?: string; rooms: readonly string[] },
): string {
	const executable = join(root, ".cache", folder, as);
	const source = `test/fixtures/${name}.ts`;
	if (modified(executable) > newestOf([source, "bin/link", "bin/bundle.ts"], rooms)) return executable;
	mkdirSync(dirname(executable), { recursive: true });
	// Under a name of its own first: another test may be running the old one.
	const fresh = `${executable}.${process.pid}`;
	execFileSync(join(root, "bin/link"), [join(root, source), fresh]);
	renameSync(fresh, executable);
	return executable;
}

function newestOf(files: readonly string[], rooms: readonly string[]): number {
	const inRooms = ["engine", ...rooms].flatMap((room) =>
		readdirSync(join(root, "lib", room), { recursive: true, encoding: "utf8" }).map((name) => join("lib", room, name)),
	);
	return Math.max(...[...files, ...inRooms].map((file) => modified(join(root, file))));
}

function modified(path: string): number {
	return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
