/** Entry of `cnictl`, the operator's command, which bin/build compiles with Bun. */
import { cnictl } from "../lib/cli/main.ts";
import { exit } from "../lib/linux/libc.ts";
import { launcherCommand } from "../lib/mesos/task/launcher-command.ts";
import { version as release } from "../package.json";
import { plugins } from "../plugins/registry.ts";

const [command, ...args] = process.argv.slice(2);
if (command === launcherCommand) {
	const { launcher } = await import("../lib/mesos/task/launcher.ts");
	exit(await launcher(args));
}
process.exitCode = await cnictl(process.argv.slice(2), { plugins, release });
