import { existsSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { attemptIn, attemptInAsync, type Outcome } from "../support/namespace.ts";
import { root, systemPath } from "../support/paths.ts";
import type { World } from "../support/world.ts";

/** What test/fixtures/firewall-driver.ts prints. */
export interface DriverReply {
	readonly ok: boolean;
	readonly value?: unknown;
	readonly code?: number;
	readonly msg?: string;
	readonly details?: string;
}

export interface DriverOptions {
	/** The file in test/fixtures; by default that for masquerading and spoof checks. */
	readonly driver?: string;
	/** The PATH that the call sees. */
	readonly path?: string;
	/** Put before the command line: a tracer. */
	readonly wrapper?: readonly string[];
}

/** Calls a function of lib/firewall in the world's host namespace. */
export function callFirewall(
	world: World,
	call: object,
	{ driver, path = systemPath, wrapper = [] }: DriverOptions = {},
): DriverReply {
	return replyOf(attemptIn(world.host, [...wrapper, ...commandLine(call, driver)], { env: { PATH: path } }));
}

/** The same without waiting. */
export async function callFirewallAsync(
	world: World,
	call: object,
	{ driver, path = systemPath, wrapper = [] }: DriverOptions = {},
): Promise<DriverReply> {
	return replyOf(await attemptInAsync(world.host, [...wrapper, ...commandLine(call, driver)], { env: { PATH: path } }));
}

/** A PATH on which iptables is the older implementation, whatever the machine's default. */
export function legacyPath(world: World): string {
	const directory = join(world.directory, "legacy");
	if (existsSync(directory)) return `${directory}:${systemPath}`;
	mkdirSync(directory);
	for (const name of ["iptables", "iptables-save", "iptables-restore"]) {
		for (const program of [name, name.replace("iptables", "ip6tables")]) {
			symlinkSync("/usr/sbin/xtables-legacy-multi", join(directory, program));
		}
	}
	return `${directory}:${systemPath}`;
}

function commandLine(call: object, driver = "firewall-driver.ts"): string[] {
	return [join(root, "node_modules/.bin/bun"), join(root, "test/fixtures", driver), JSON.stringify(call)];
}

function replyOf({ stdout, stderr, exitCode }: Outcome): DriverReply {
	if (exitCode !== 0 || stdout === "")
		throw new Error(`Cannot call lib/firewall: exit ${exitCode}: ${stdout}${stderr}`);
	return JSON.parse(stdout) as DriverReply;
}
