import { join } from "node:path";
import { enter, type Namespace } from "../support/namespace.ts";
import { systemPath } from "../support/paths.ts";

/** A call of a plugin, with nothing between this process and it. */
export interface Call {
	/** The folder of the executables. */
	readonly bin: string;
	readonly type: string;
	readonly command: string;
	readonly config: object;
	readonly netns?: string;
	readonly containerId?: string;
	/** The host namespace; by default the one that this runs in. */
	readonly inside?: Namespace;
}

export interface Cost {
	readonly wallMs: number;
	/** User and system time of the plugin and of every process that it started. */
	readonly cpuMs: number;
}

/** A measured call, and what it printed. */
export interface TimedCall extends Cost {
	readonly stdout: string;
}

/** Runs it and measures. @throws Error when the plugin fails: a failing call is fast and would flatter. */
export function timed(call: Call): TimedCall {
	const { cmd, env, input } = prepare(call);
	const start = Bun.nanoseconds();
	const { exitCode, stdout, stderr, resourceUsage } = Bun.spawnSync(cmd, { env, stdin: input });
	const wallMs = (Bun.nanoseconds() - start) / 1e6;
	if (exitCode !== 0) throw failure(call, `${stdout}${stderr}`);
	return { wallMs, cpuMs: Number(resourceUsage.cpuTime.total) / 1000, stdout: stdout.toString() };
}

/** Starts it without waiting; settles when it has ended. */
export async function started(call: Call): Promise<void> {
	const { cmd, env, input } = prepare(call);
	const child = Bun.spawn(cmd, { env, stdin: input, stdout: "pipe", stderr: "pipe" });
	if ((await child.exited) !== 0) throw failure(call, await new Response(child.stdout).text());
}

/**
 * The largest resident set of the plugin or of a process that it started, in MB. Through GNU time, whose own is small:
 * the kernel counts the memory of the process that forked, until exec, so that Bun's would hide the plugin's.
 */
export function peakMegabytes(call: Call): number {
	const { cmd, env, input } = prepare(call);
	const { exitCode, stderr } = Bun.spawnSync(["/usr/bin/time", "-f", "%M", ...cmd], { env, stdin: input });
	const text = stderr.toString();
	if (exitCode !== 0) throw failure(call, text);
	return Number(text.trim().split("\n").at(-1)) / 1024;
}

function prepare({ bin, type, command, config, netns, containerId, inside }: Call) {
	const env: Record<string, string> = { PATH: systemPath, CNI_COMMAND: command, CNI_PATH: bin };
	if (netns !== undefined) Object.assign(env, { CNI_NETNS: netns, CNI_IFNAME: "eth0" });
	if (containerId !== undefined) env.CNI_CONTAINERID = containerId;
	const program = [join(bin, type)];
	return {
		cmd: inside === undefined ? program : enter(inside, program),
		env,
		input: Buffer.from(JSON.stringify(config)),
	};
}

function failure({ type, command, bin }: Call, output: string): Error {
	return new Error(`Cannot measure ${command} of "${type}" in "${bin}": it failed: ${output}`);
}
