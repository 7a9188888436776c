import { CniError, ErrorCode } from "../../cni/error.ts";
import { any, boolean, decodeDocument, integer, list, object, SchemaError, string } from "../../cni/schema.ts";
import { decodeNetworkInfo, type NetworkInfoMessage } from "../network-info-message.ts";

/** What a framework asks to be run, as far as it concerns a task without an image. */
export interface TaskInfo {
	/** Undefined where the framework gave none. */
	readonly taskId: string | undefined;
	readonly name: string | undefined;
	readonly executorId: string | undefined;
	/** Undefined when the command comes from elsewhere. */
	readonly command: TaskCommand | undefined;
	/** Of the container. */
	readonly hostname: string | undefined;
	readonly networkInfos: readonly NetworkInfoMessage[];
	/** Between SIGTERM and SIGKILL. */
	readonly gracePeriodMs: number;
}

export interface TaskCommand extends CommandLine {
	readonly environment: Readonly<Record<string, string>>;
}

export interface CommandLine {
	/** Looked for in PATH unless it has a slash. */
	readonly program: string;
	/** The first is what the program is told as its name. */
	readonly argv: readonly string[];
}

const identifier = object({ value: string() });

const commandSchema = object({
	value: string(),
	shell: boolean(),
	arguments: list(string()),
	environment: object({ variables: list(object({ name: string(), value: string() })) }),
	container: any(),
});

const containerSchema = object({
	type: string(),
	hostname: string(),
	network_infos: list(any()),
	mesos: object({ image: any() }),
});

const executorSchema = object({ executor_id: identifier, command: commandSchema, container: containerSchema });

const taskSchema = object({
	name: string(),
	task_id: identifier,
	executor_id: identifier,
	executor: executorSchema,
	command: commandSchema,
	container: containerSchema,
	kill_policy: object({ grace_period: object({ nanoseconds: integer() }) }),
});

/**
 * Reads the JSON of a TaskInfo or of an ExecutorInfo. The command and the container are those of the executor if it has
 * one, as with the agent.
 *
 * @throws CniError code 7 that names the place
 */
export function decodeTaskInfo(value: unknown): TaskInfo {
	const info = decode(value);
	const { executor } = info ?? {};
	const { command, container } = executor ?? info ?? {};
	const at = executor === undefined ? "" : "executor.";
	refuseUnsupported({ command, container }, at);
	return {
		taskId: idOf(info?.task_id?.value, "task_id"),
		name: info?.name,
		executorId: idOf((executor ?? info)?.executor_id?.value, `${at}executor_id`),
		command: command === undefined ? undefined : commandOf(command, `${at}command`),
		hostname: container?.hostname === undefined ? undefined : hostnameOf(container.hostname, `${at}container.hostname`),
		networkInfos: (container?.network_infos ?? []).map((item, index) =>
			decodeNetworkInfo(item, `${at}container.network_infos[${index}]`),
		),
		gracePeriodMs: graceOf(info?.kill_policy?.grace_period?.nanoseconds),
	};
}

function decode(value: unknown) {
	try {
		return decodeDocument(taskSchema, value);
	} catch (thrown) {
		if (!(thrown instanceof SchemaError)) throw thrown;
		throw new CniError(ErrorCode.invalidNetworkConfig, `Cannot use the task: ${thrown.message}`, { cause: thrown });
	}
}

type Decoded = NonNullable<ReturnType<typeof decode>>;

function refuseUnsupported({ command, container }: Pick<Decoded, "command" | "container">, at: string): void {
	if (command?.container !== undefined) {
		throw refuse(`${at}command.container`, "a command has no container", "Put it into the task, or its executor");
	}
	if (container?.type !== undefined && container.type !== "MESOS") {
		throw new CniError(ErrorCode.invalidNetworkConfig, "Can only prepare CNI networks for a MESOS container", {
			details: `"${at}container.type" is ${JSON.stringify(container.type)}`,
		});
	}
	if (container?.mesos?.image !== undefined) {
		throw refuse(
			`${at}container.mesos.image`,
			"there are no images here",
			"The command runs on the file system of the host",
		);
	}
}

/** Mesos refuses ids that could not be names of files. */
function idOf(id: string | undefined, at: string): string | undefined {
	if (id === undefined) return undefined;
	const problem = idProblemOf(id);
	if (problem !== undefined) throw refuse(`${at}.value`, problem);
	return id;
}

const longestId = 255;

function idProblemOf(id: string): string | undefined {
	if (id === "" || id === "." || id === "..") return `it must not be ${JSON.stringify(id)}`;
	if (id.length > longestId) return `it has ${id.length} characters, and the limit is ${longestId}`;
	return /[/\\]|\p{Cc}/u.test(id) ? 'it contains "/", "\\" or a control character' : undefined;
}

/** It becomes a line of /etc/hosts, and the kernel keeps 64 characters of it. @throws CniError code 7 */
export function hostnameOf(hostname: string, at: string): string {
	if (/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/.test(hostname)) return hostname;
	throw refuse(at, `${JSON.stringify(hostname.slice(0, 80))} is no host name`);
}

function commandOf(command: NonNullable<Decoded["command"]>, at: string): TaskCommand {
	const { value = "", shell = true, arguments: args = [], environment } = command;
	if (value === "") throw refuse(`${at}.value`, "it is missing");
	return {
		...(shell
			? { program: "/bin/sh", argv: ["sh", "-c", value] }
			: { program: value, argv: argvOf(value, args, `${at}.arguments`) }),
		environment: Object.fromEntries(
			(environment?.variables ?? []).map((variable, index) =>
				variableOf(variable, `${at}.environment.variables[${index}]`),
			),
		),
	};
}

function argvOf(value: string, args: readonly (string | undefined)[], at: string): readonly string[] {
	if (args.length === 0) return [value];
	return args.map((argument, index) => {
		if (argument === undefined) throw refuse(`${at}[${index}]`, "it is null");
		return argument;
	});
}

function variableOf(
	variable: { readonly name: string | undefined; readonly value: string | undefined } | undefined,
	at: string,
): readonly [string, string] {
	const { name = "", value = "" } = variable ?? {};
	if (name === "" || name.includes("=")) throw refuse(`${at}.name`, `${JSON.stringify(name)} is no name of a variable`);
	return [name, value];
}

const defaultGraceMs = 3000;
const longestGraceMs = 24 * 3600 * 1000;

function graceOf(nanoseconds: number | undefined): number {
	if (nanoseconds === undefined) return defaultGraceMs;
	return Math.min(Math.max(0, nanoseconds / 1e6), longestGraceMs);
}

function refuse(at: string, problem: string, details = ""): CniError {
	return new CniError(ErrorCode.invalidNetworkConfig, `Cannot use "${at}" of the task: ${problem}`, { details });
}
