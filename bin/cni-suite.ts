/**
 * Entry of the one executable: the name it was started by says which plugin, or `cnictl`, it is.
 */
import { runPlugin } from "../lib/cni/frame.ts";
import { exit } from "../lib/linux/libc.ts";
import { readStdin, writeStderr, writeStdout } from "../lib/linux/stdio.ts";
import { launcherCommand } from "../lib/mesos/task/launcher-command.ts";
import { version as release } from "../package.json";
import { plugins } from "../plugins/registry.ts";

const operatorCommand = "cnictl";

async function main(): Promise<number> {
	const name = process.argv0.slice(process.argv0.lastIndexOf("/") + 1);
	if (name === operatorCommand) {
		const [command, ...args] = process.argv.slice(2);
		if (command === launcherCommand) {
			const { launcher } = await import("../lib/mesos/task/launcher.ts");
			return exit(await launcher(args));
		}
		const { cnictl } = await import("../lib/cli/main.ts");
		return await cnictl(process.argv.slice(2), { plugins, release });
	}
	const plugin = plugins.load(name);
	if (plugin === undefined) {
		writeStderr(`Cannot tell which plugin to be: started as "${name}". Start it through a link named ${nameList()}\n`);
		return 1;
	}
	const exitCode = await runPlugin(await plugin, {
		variables: process.env,
		release,
		plugins,
		readStdin,
		writeStdout,
		writeStderr,
	});
	// Everything is written, and nothing is open.
	return exit(exitCode);
}

function nameList(): string {
	return [...plugins.types, operatorCommand].map((name) => `"${name}"`).join(", ");
}

process.exitCode = await main();
