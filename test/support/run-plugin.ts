import { join } from "node:path";
import { attemptIn, attemptInAsync, type Namespace, type Outcome } from "./namespace.ts";
import { distribution, systemPath } from "./paths.ts";
import type { World } from "./world.ts";

export type Command = "ADD" | "CHECK" | "DEL" | "GC" | "STATUS" | "VERSION";

/** One call of a plugin, as a runtime makes it. */
export interface PluginCall {
	/** The host namespace in which it runs. */
	readonly world: World;
	/** The plugin type; the executable of that name in `cniPath`. */
	readonly type: string;
	readonly command: Command | (string & {});
	/** The configuration: an object, or the very bytes of stdin. */
	readonly config: object | string | Uint8Array;
	/** The container; a path for what is no namespace. ADD, CHECK and DEL only. */
	readonly netns?: Namespace | string | undefined;
	/** By default `container-1`. */
	readonly containerId?: string;
	/** By default `eth0`. */
	readonly ifName?: string;
	/** CNI_ARGS. */
	readonly args?: string;
	/** The folder of the executables; by default our own. */
	readonly cniPath?: string;
	/** Added to the environment, which otherwise has PATH and the CNI variables only; undefined takes one away. */
	readonly env?: Readonly<Record<string, string | undefined>>;
	readonly cwd?: string;
	readonly timeoutMs?: number;
	/** Put before the command line: a tracer. */
	readonly wrapper?: readonly string[];
}

export interface PluginOutcome extends Outcome {
	/** stdout parsed; undefined when it is empty. @throws SyntaxError when it is not one JSON document */
	readonly json: unknown;
	/** stdout as an error object; undefined after success. */
	readonly error: CniErrorObject | undefined;
}

export interface CniErrorObject {
	readonly cniVersion?: string;
	readonly code: number;
	readonly msg: string;
	readonly details?: string;
}

/** Runs a plugin in the host namespace with exactly the environment that the specification names, and PATH. */
export function runPlugin(call: PluginCall): PluginOutcome {
	return decode(attemptIn(call.world.host, commandLine(call), runOptions(call)));
}

/** The same without waiting, to have many calls at once. */
export async function runPluginAsync(call: PluginCall): Promise<PluginOutcome> {
	return decode(await attemptInAsync(call.world.host, commandLine(call), runOptions(call)));
}

/** Runs a plugin that must succeed, and returns what it printed. */
export function mustRunPlugin<T = unknown>(call: PluginCall): T {
	const { exitCode, signal, json, stdout, stderr } = runPlugin(call);
	if (exitCode === 0) return json as T;
	throw new Error(`Cannot ${call.command} with "${call.type}": ${signal ?? `exit ${exitCode}`}: ${stdout}${stderr}`);
}

/** The environment of a call: what `runPlugin` sets, for tests that start the executable in another way. */
export function environmentOf({ command, netns, containerId, ifName, args, cniPath, env }: PluginCall) {
	const sandbox = typeof netns === "object" ? netns.path : netns;
	const attachment = ["ADD", "CHECK", "DEL"].includes(command)
		? {
				CNI_CONTAINERID: containerId ?? "container-1",
				CNI_IFNAME: ifName ?? "eth0",
				CNI_NETNS: sandbox,
				CNI_ARGS: args,
			}
		: {};
	const variables: Record<string, string | undefined> = {
		PATH: systemPath,
		CNI_COMMAND: command,
		CNI_PATH: cniPath ?? distribution,
		...attachment,
		...env,
	};
	return Object.fromEntries(
		Object.entries(variables).filter((entry): entry is [string, string] => entry[1] !== undefined),
	);
}

function commandLine({ type, cniPath, wrapper = [] }: PluginCall): string[] {
	return [...wrapper, join(cniPath ?? distribution, type)];
}

function runOptions(call: PluginCall) {
	const { config, cwd, timeoutMs } = call;
	const input = typeof config === "string" || config instanceof Uint8Array ? config : JSON.stringify(config);
	return {
		input,
		env: environmentOf(call),
		...(cwd === undefined ? {} : { cwd }),
		...(timeoutMs === undefined ? {} : { timeoutMs }),
	};
}

function decode(outcome: Outcome): PluginOutcome {
	const parsed = () => (outcome.stdout === "" ? undefined : JSON.parse(outcome.stdout));
	return {
		...outcome,
		get json() {
			return parsed();
		},
		get error() {
			return outcome.exitCode === 0 ? undefined : (parsed() as CniErrorObject | undefined);
		},
	};
}
