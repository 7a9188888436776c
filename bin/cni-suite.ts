/**
 * Entry of the one executable: the name it was started by says which plugin, or `cnictl`, it is.
 */
import { runPlugin } from "../lib/cni/frame.ts";
import { readStdin, writeStderr, writeStdout } from "../lib/linux/stdio.ts";
import { version as release } from "../package.json";
import { plugins } from "../plugins/registry.ts";

const operatorCommand = "cnictl";

async function main(): Promise<number> {
	const name = process.argv0.slice(process.argv0.lastIndexOf("/") + 1);
	if (name === operatorCommand) {
		const { cnictl } = await import("../lib/cli/main.ts");
		return await cnictl(process.argv.slice(2), { plugins, release });
	}
	const plugin = plugins.load(name);
	if (plugin === undefined) {
		writeStderr(`Cannot tell which plugin to be: started as "${name}". Start it through a link named ${nameList()}\n`);
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

function nameList(): string {
	return [...plugins.types, operatorCommand].map((name) => `"${name}"`).join(", ");
}

// Everything is written: not waiting for the runtime to wind down saves a millisecond.
process.exit(await main());
