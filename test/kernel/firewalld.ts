import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { attemptIn, enter } from "../support/namespace.ts";
import { systemPath } from "../support/paths.ts";
import type { World } from "../support/world.ts";

/** firewalld in a world's host namespace, on a bus of its own. */
export interface Firewalld extends AsyncDisposable {
	/** DBUS_SYSTEM_BUS_ADDRESS for whoever shall find it. */
	readonly env: { readonly PATH: string; readonly DBUS_SYSTEM_BUS_ADDRESS: string };
	/** `firewall-cmd OPTIONS`; what it printed. @throws Error when it fails */
	command(options: string): string;
	/** Ends firewalld; the bus goes on. */
	stop(): Promise<void>;
	/** Ends the bus too. */
	stopBus(): Promise<void>;
}

/** Starts `dbus-daemon` and `firewalld`, and waits until it answers. Both end when disposed. */
export async function startFirewalld(world: World): Promise<Firewalld> {
	const directory = join(world.directory, "firewalld");
	for (const folder of ["zones", "policies"]) mkdirSync(join(directory, folder), { recursive: true });
	const socket = join(directory, "bus");
	writeFileSync(join(directory, "bus.conf"), busConfig(socket));
	writeFileSync(join(directory, "firewalld.conf"), "DefaultZone=public\nFirewallBackend=nftables\nCleanupOnExit=yes\n");
	const env = { PATH: systemPath, DBUS_SYSTEM_BUS_ADDRESS: `unix:path=${socket}` };
	const start = (command: readonly string[]) => {
		const [program = "", ...args] = enter(world.host, command);
		return spawn(program, args, { env, stdio: "ignore" });
	};
	const bus = start(["dbus-daemon", `--config-file=${directory}/bus.conf`, "--nofork", "--nopidfile"]);
	await until(() => attemptIn(world.host, ["test", "-S", socket]).exitCode === 0);
	const firewalld = start(["firewalld", "--nofork", "--nopid", `--system-config=${directory}`]);
	const attempt = (options: string) =>
		attemptIn(world.host, ["firewall-cmd", ...options.split(" ")], { env, timeoutMs: 20_000 });
	await until(() => attempt("--state").exitCode === 0);
	const stopAll = async () => {
		await stop(firewalld);
		await stop(bus);
	};
	return {
		env,
		command(options) {
			const { exitCode, stdout, stderr } = attempt(options);
			if (exitCode !== 0) throw new Error(`Cannot run firewall-cmd ${options}: ${stderr}`);
			return stdout.trim();
		},
		stop: () => stop(firewalld),
		stopBus: stopAll,
		[Symbol.asyncDispose]: stopAll,
	};
}

/** Without a policy of the system, in which only the real one may have the name. */
function busConfig(socket: string): string {
	return `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
		"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
	<busconfig>
		<listen>unix:path=${socket}</listen>
		<auth>EXTERNAL</auth>
		<policy context="default">
			<allow own="*"/><allow user="*"/>
			<allow send_destination="*"/><allow send_type="*"/><allow receive_type="*"/>
		</policy>
	</busconfig>`;
}

async function until(isSo: () => boolean): Promise<void> {
	const deadline = Date.now() + 30_000;
	while (!isSo()) {
		if (Date.now() > deadline) throw new Error("Cannot start firewalld: it does not answer");
		await new Promise((resolve) => setTimeout(resolve, 100));
	}
}

function stop(child: ChildProcess): Promise<void> {
	if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
	return new Promise((resolve) => {
		child.once("close", () => resolve());
		child.kill("SIGTERM");
	});
}
