import { spawn, spawnSync } from "node:child_process";
import { join } from "node:path";
import { distribution, systemPath } from "../support/paths.ts";

/** One call of the executable. It needs no namespace: host-local never looks at the network. */
export interface HostLocalCall {
	readonly command: "ADD" | "CHECK" | "DEL" | "GC" | "STATUS";
	readonly config: object;
	/** By default `dummy`. */
	readonly id?: string;
	/** By default `eth0`. */
	readonly ifName?: string;
	/** CNI_ARGS. */
	readonly args?: string;
	readonly cwd?: string;
}

export interface HostLocalOutcome {
	readonly exitCode: number | null;
	readonly stdout: string;
	readonly stderr: string;
}

export interface LegacyAddress {
	readonly ip: string;
	readonly gateway?: string;
	readonly routes?: readonly { readonly dst: string; readonly gw?: string }[];
}

/** A printed result of any version, or an error. */
export interface Printed {
	readonly cniVersion: string;
	readonly ips?: readonly { readonly address: string; readonly gateway?: string; readonly version?: string }[];
	readonly routes?: readonly { readonly dst: string; readonly gw?: string }[];
	readonly dns?: object;
	readonly ip4?: LegacyAddress;
	readonly ip6?: LegacyAddress;
	readonly code?: number;
	readonly msg?: string;
	readonly details?: string;
}

export function callHostLocal(call: HostLocalCall): HostLocalOutcome {
	const { status, stdout, stderr } = spawnSync(join(distribution, "host-local"), {
		input: JSON.stringify(call.config),
		env: environmentOf(call),
		encoding: "utf8",
		...(call.cwd === undefined ? {} : { cwd: call.cwd }),
	});
	return { exitCode: status, stdout, stderr };
}

/** The same without waiting. */
export function startHostLocal(call: HostLocalCall): Promise<HostLocalOutcome> {
	const child = spawn(join(distribution, "host-local"), { env: environmentOf(call), stdio: "pipe" });
	let stdout = "";
	let stderr = "";
	child.stdout.setEncoding("utf8").on("data", (text: string) => {
		stdout += text;
	});
	child.stderr.setEncoding("utf8").on("data", (text: string) => {
		stderr += text;
	});
	child.stdin.end(JSON.stringify(call.config));
	return new Promise((resolve, reject) => {
		child.on("error", reject);
		child.on("close", (exitCode) => resolve({ exitCode, stdout, stderr }));
	});
}

/** The call must succeed; returns what it printed. */
export function mustCall(call: HostLocalCall): Printed {
	const outcome = callHostLocal(call);
	if (outcome.exitCode !== 0) throw new Error(`Cannot ${call.command}: ${outcome.stdout}${outcome.stderr}`);
	return outcome.stdout === "" ? { cniVersion: "" } : JSON.parse(outcome.stdout);
}

/** The call must fail; returns the error that it printed. */
export function mustFail(call: HostLocalCall): Printed {
	const { exitCode, stdout } = callHostLocal(call);
	if (exitCode === 0) throw new Error(`${call.command} succeeded: ${stdout}`);
	return JSON.parse(stdout);
}

/** The addresses of a result of any version, IPv4 before IPv6 where the version says nothing of order. */
export function addressesOf({ ips, ip4, ip6 }: Printed): readonly string[] {
	if (ips !== undefined) return ips.map(({ address }) => address);
	return [ip4, ip6].flatMap((address) => (address === undefined ? [] : [address.ip]));
}

function environmentOf({ command, id = "dummy", ifName = "eth0", args = "" }: HostLocalCall) {
	return {
		PATH: systemPath,
		CNI_COMMAND: command,
		CNI_CONTAINERID: id,
		CNI_NETNS: "/some/where",
		CNI_IFNAME: ifName,
		CNI_ARGS: args,
		CNI_PATH: distribution,
	};
}
