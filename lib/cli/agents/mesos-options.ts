import { dirname, join } from "node:path";
import type { Command } from "commander";
import { CniError, ErrorCode } from "../../cni/error.ts";
import type { WatchedMaster } from "../../mesos/operator/mesos-report.ts";
import { openMesosMaster } from "../../mesos/operator/open-mesos-master.ts";
import { durationOf } from "./options.ts";

/** How `cnictl agents watch` is told of a Mesos master. */
export interface MesosFlags {
	readonly mesosMaster: readonly string[];
	readonly mesosUser?: string;
	readonly mesosPasswordFile?: string;
	readonly mesosCaFile?: string;
	readonly mesosCertFile?: string;
	readonly mesosKeyFile?: string;
	readonly mesosServerName?: string;
	readonly mesosReregisterTimeout?: number;
}

/** Adds the flags; a secret is named by its file. */
export function withMesosFlags(command: Command): Command {
	return command
		.option(
			"--mesos-master <url>",
			"learn of agents from a Mesos master too, by its operator API: http://HOST:5050; may be repeated, one of them leads",
			(url: string, before: readonly string[]) => [...before, url],
			[],
		)
		.option("--mesos-user <name>", "who we are for the master; goes with --mesos-password-file")
		.option("--mesos-password-file <file>", "a file with the password alone, that nobody else may read")
		.option("--mesos-ca-file <file>", "who vouches for the master's certificate (default: whom the machine trusts)")
		.option("--mesos-cert-file <file>", "our certificate; goes with --mesos-key-file")
		.option("--mesos-key-file <file>", "its key")
		.option("--mesos-server-name <name>", "the name in the master's certificate (default: the host of its URL)")
		.option(
			"--mesos-reregister-timeout <duration>",
			"for how long a new master waits for its agents: its --agent_reregister_timeout (default: 10m)",
			durationOf,
		);
}

/** Its list of all agents is long, and most is told without it. */
const intervalsBetweenLists = 6;

/** Undefined where no master is to be watched. @throws Error for flags that cannot be meant, or files that cannot be used */
export function watchedMasterOf(flags: MesosFlags & { readonly interval: number }): WatchedMaster | undefined {
	const { mesosMaster, mesosReregisterTimeout, interval, ...rest } = flags;
	const settings: WatchedMaster = {
		masters: mesosMaster,
		user: rest.mesosUser,
		passwordFile: rest.mesosPasswordFile,
		caFile: rest.mesosCaFile,
		certFile: rest.mesosCertFile,
		keyFile: rest.mesosKeyFile,
		serverName: rest.mesosServerName,
		pollIntervalMs: intervalsBetweenLists * interval,
		reregisterTimeoutMs: mesosReregisterTimeout,
	};
	if (mesosMaster.length > 0) {
		// Nothing is connected to yet: what cannot be meant is said at once.
		openMesosMaster({ ...settings, log: () => {} })[Symbol.dispose]();
		return settings;
	}
	const given = Object.entries(flags).find(([name, value]) => name.startsWith("mesos") && typeof value === "string");
	if (given === undefined && mesosReregisterTimeout === undefined) return undefined;
	throw new CniError(ErrorCode.invalidNetworkConfig, "Cannot watch a Mesos master: --mesos-master is missing", {
		details: "Give the URL of at least one: --mesos-master http://10.0.0.5:5050",
	});
}

/** Beside `cnictl`, where it was built and where it is installed. */
export function pluginExecutable(): string {
	return join(dirname(process.execPath), "cni-suite");
}
