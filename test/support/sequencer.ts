import { statSync } from "node:fs";
import { sep } from "node:path";

interface TestFile {
	readonly path: string;
}

/** Folders of tests, those with the longest files first. */
const folders = ["crash", "kernel", "fuzz", "contract", "clients", "unit"];

/**
 * The order of test files (Jest's testSequencer): what takes long begins early, so that no processor is left with it at
 * the end. Jest's own remembers durations, and knows none on a new machine.
 */
export default class Sequencer {
	sort<T extends TestFile>(files: readonly T[]): T[] {
		const keyed = files.map((file) => ({ file, rank: rank(file), size: statSync(file.path).size }));
		return keyed.sort((one, other) => one.rank - other.rank || other.size - one.size).map(({ file }) => file);
	}

	/** None that is remembered. */
	allFailedTests(): never[] {
		return [];
	}

	cacheResults(): void {}
}

function rank({ path }: TestFile): number {
	const folder = folders.findIndex((name) => path.includes(`${sep}test${sep}${name}${sep}`));
	return folder === -1 ? folders.length : folder;
}
