/**
 * Entry of the plugins' executable, which bin/build compiles for the engine of lib/engine: the name it was started by
 * says which plugin it is.
 */
import { runPlugin } from "../lib/cni/frame.ts";
import { exit } from "../lib/linux/libc.ts";
import { readStdin, writeStderr, writeStdout } from "../lib/linux/stdio.ts";
import { version as release } from "../package.json";
import { findProgram, plugins } from "../plugins/registry.ts";

async function run(): Promise<number> {
	const name = process.argv0.slice(process.argv0.lastIndexOf("/") + 1);
	const [word, ...args] = process.argv.slice(1);
	const program = findProgram(name, word);
	if (program !== undefined) return (await program)(args);
	const plugin = plugins.load(name);
	if (plugin === undefined) {
		const names = plugins.types.map((type) => `"${type}"`).join(", ");
		writeStderr(`Cannot tell which plugin to be: started as "${name}". Start it through a link named ${names}\n`);
		return 1;
	}
	return await runPlugin(await plugin, {
		variables: process.env,
		release,
		plugins,
		readStdin,
		writeStdout,
		writeStderr,
	});
}

/** What a process does: the modules were run when the executable was built. */
export async function main(): Promise<never> {
	// Everything is written, and nothing is open.
	exit(await run());
}
