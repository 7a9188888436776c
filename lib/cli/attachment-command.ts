import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { Command } from "commander";
import { CniError, ErrorCode } from "../cni/error.ts";
import { splitPath } from "../cni/find-plugin.ts";
import { JsonError, parseJson } from "../cni/json/parse-json.ts";
import { loadNetwork } from "../cni/runtime/load-network.ts";
import type { NetworkList } from "../cni/runtime/network-list.ts";
import { type CniArg, defaultCacheDirectory, type Runtime, type RuntimeAttachment } from "../cni/runtime/runtime.ts";

/** What the command line and the environment say: which network, which attachment, and with what surroundings. */
export interface Invocation {
	readonly runtime: Runtime;
	readonly network: NetworkList;
	readonly attachment: RuntimeAttachment;
}

/**
 * A command `NAME NETWORK NETNS` with the arguments and the environment of cnitool, so that scripts can use either.
 * Further arguments are passed over, as cnitool does.
 */
export function attachmentCommand(
	name: string,
	{ description, run }: { description: string; run: (invocation: Invocation) => void },
): Command {
	return new Command(name)
		.description(description)
		.argument("<network>", "name of a network in NETCONFPATH")
		.argument("<netns>", "path of the container's network namespace")
		.option("-i, --ifname <name>", "interface in the container (default: $CNI_IFNAME, else eth0)")
		.allowExcessArguments()
		.addHelpText("after", `\nExample:\n  CNI_PATH=/opt/cni/bin cnictl ${name} mynet /run/netns/blue`)
		.action((networkName: string, netns: string, { ifname }: { ifname?: string }) => {
			run(readInvocation({ networkName, netns, ifname }));
		});
}

/** The runtime that the environment describes. */
export function runtimeOf(environment: NodeJS.ProcessEnv): Runtime {
	return { paths: splitPath(environment.CNI_PATH ?? ""), environment, cacheDirectory: defaultCacheDirectory };
}

/** Where network configurations are. */
export function configDirectoryOf({ NETCONFPATH }: NodeJS.ProcessEnv): string {
	return NETCONFPATH || "/etc/cni/net.d";
}

function readInvocation(given: { networkName: string; netns: string; ifname: string | undefined }): Invocation {
	const environment = process.env;
	const network = loadNetwork(configDirectoryOf(environment), given.networkName);
	const netns = resolve(given.netns);
	return {
		network,
		runtime: runtimeOf(environment),
		attachment: {
			containerId: containerIdOf(netns),
			ifName: given.ifname || environment.CNI_IFNAME || "eth0",
			netns,
			capabilityArgs: parseCapabilityArgs(environment.CAP_ARGS ?? ""),
			args: parseArguments(environment.CNI_ARGS ?? ""),
		},
	};
}

/** The id that cnitool gives to a namespace: what one of them has added, the other can take away. */
function containerIdOf(netns: string): string {
	return `cnitool-${createHash("sha512").update(netns).digest("hex").slice(0, 20)}`;
}

function parseCapabilityArgs(text: string): Record<string, unknown> {
	if (text === "") return {};
	const help = {
		details: `It takes a JSON object by capability: {"portMappings":[{"hostPort":8080,"containerPort":80}]}`,
	};
	let value: unknown;
	try {
		value = parseJson(text);
	} catch (thrown) {
		if (!(thrown instanceof JsonError)) throw thrown;
		throw new CniError(ErrorCode.invalidEnvironment, `Cannot decode CAP_ARGS: ${thrown.message}`, help);
	}
	if (value === null) return {};
	if (typeof value === "object" && !Array.isArray(value)) return value as Record<string, unknown>;
	throw new CniError(ErrorCode.invalidEnvironment, "Cannot decode CAP_ARGS: it is no object", help);
}

function parseArguments(text: string): CniArg[] {
	if (text === "") return [];
	return text.split(";").map((pair) => {
		const [key, value, ...more] = pair.split("=");
		if (key && value && more.length === 0) return [key, value];
		throw new CniError(ErrorCode.invalidEnvironment, `invalid CNI_ARGS pair ${JSON.stringify(pair)}`, {
			details: "CNI_ARGS has the form KEY=VALUE;KEY=VALUE, without a trailing ;",
		});
	});
}
