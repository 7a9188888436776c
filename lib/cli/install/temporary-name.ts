import { readdirSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { isProcessAlive } from "../../linux/process.ts";

/** A name beside `file` that nobody else uses while this process lives: hidden, so that no runtime takes it for a plugin. */
export function temporaryName(file: string): string {
	return join(dirname(file), `.${basename(file)}.cnictl-${process.pid}`);
}

/** Removes temporary files of processes that were killed. */
export function removeAbandoned(directory: string): void {
	for (const name of readdirSync(directory)) {
		const pid = /^\..*\.cnictl-(\d+)$/.exec(name)?.[1];
		if (pid !== undefined && !isProcessAlive(Number(pid))) rmSync(join(directory, name), { force: true });
	}
}
