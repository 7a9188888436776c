import { CniError, ErrorCode, messageOf } from "../../../lib/cni/error.ts";
import { type AttachmentRequest, type NetworkRequest, type Plugin, sameAttachment } from "../../../lib/cni/plugin.ts";
import type { Result } from "../../../lib/cni/result.ts";
import { specVersions } from "../../../lib/cni/version.ts";
import { GobError, type GobObject } from "../../../lib/gob/types.ts";
import { formatAddress, formatPrefix, sameAddress, samePrefix } from "../../../lib/ip/address.ts";
import { Errno, errnoOf, SystemError } from "../../../lib/linux/errno.ts";
import { workingDirectory } from "../../../lib/linux/libc.ts";
import { encodeUtf8 } from "../../../lib/linux/utf8.ts";
import { dhcpLeases, markUnclaimed } from "../../../lib/state/dhcp-leases.ts";
import { callDaemon, DaemonError } from "./call-daemon.ts";
import { clientIdOf, clientOptions } from "./client-options.ts";
import { type DhcpConfig, dhcpSchema, socketPathOf } from "./config.ts";
import { decodeResult, type Method } from "./wire.ts";

type Request = AttachmentRequest<DhcpConfig>;

/** Gives containers addresses of a DHCP server, through a daemon that keeps the leases. docs/plugins/dhcp.md */
export const dhcp: Plugin<DhcpConfig> = {
	type: "dhcp",
	versions: specVersions,
	schema: dhcpSchema,

	add(request) {
		requireUsable(request, { ...request });
		// What a daemon leaves that ends meanwhile, the next one gives back.
		request.rollback.push("release the lease", () => {
			call("DHCP.Release", request);
		});
		return resultOf(call("DHCP.Allocate", request));
	},

	check(request) {
		requireUsable(request, { ...request });
		const held = unlessUnknown(request, "DHCP.Check", () => resultOf(call("DHCP.Check", request)));
		if (held !== undefined) compare(request, held);
	},

	del: release,

	gc(request) {
		const { network, validAttachments, config, log } = request;
		try {
			unlessUnknown(request, "DHCP.Collect", () => call("DHCP.Collect", request));
		} catch (thrown) {
			if (!isUnreachable(thrown)) throw thrown;
			const socketPath = socketPathOf(config);
			for (const record of dhcpLeases(socketPath).of(network).readAll()) {
				if (!validAttachments.some((valid) => sameAttachment(valid, record))) markUnclaimed(socketPath, record);
			}
			log.warn(`${thrown.message}. ${nextDaemon}`);
		}
	},

	status(request) {
		requireUsable(request, { containerId: "", ifName: "", args: "" });
		unlessUnknown(request, "DHCP.Status", () => call("DHCP.Status", request));
	},
};

/** Validates what the daemon would refuse, before anything is done. @throws CniError code 7 */
function requireUsable(
	{ config, network }: NetworkRequest<DhcpConfig>,
	{ containerId, ifName, args }: { containerId: string; ifName: string; args: string },
): void {
	if (config.ipam === undefined) {
		throw new CniError(ErrorCode.invalidNetworkConfig, "IPAM config missing 'ipam' key");
	}
	clientOptions(config, { args, clientId: clientIdOf({ containerId, network, ifName }) });
}

/** Without a daemon there is nobody who could tell the server. */
function release(request: Request): void {
	const { config, network, containerId, ifName, log } = request;
	try {
		call("DHCP.Release", request);
	} catch (thrown) {
		if (!isUnreachable(thrown)) throw thrown;
		markUnclaimed(socketPathOf(config), { network, containerId, ifName });
		log.warn(`${thrown.message}. ${nextDaemon}`);
	}
}

const nextDaemon = "What is held, the next daemon gives back, or it ends by itself";

/** Longer than a daemon tries that was not told otherwise. What it knows already, it says at once. */
const timeoutsMs: Readonly<Record<Method, number>> = {
	"DHCP.Allocate": 600_000,
	"DHCP.Release": 60_000,
	"DHCP.Check": 60_000,
	"DHCP.Collect": 60_000,
	"DHCP.Status": 10_000,
};

/** Calls the daemon with what the runtime has said. @throws CniError code 50 when there is none */
function call(method: Method, request: NetworkRequest<DhcpConfig> & Partial<Request>): GobObject {
	const { containerId = "", netns = "", ifName = "", args = "", config } = request;
	const stdin = request.stdin();
	const socketPath = socketPathOf(config);
	try {
		return callDaemon(socketPath, {
			method,
			timeoutMs: timeoutsMs[method],
			args: {
				ContainerID: containerId,
				Netns: netns === "" || netns.startsWith("/") ? netns : `${workingDirectory()}/${netns}`,
				IfName: ifName,
				Args: args,
				Path: process.env.CNI_PATH ?? "",
				StdinData: typeof stdin === "string" ? encodeUtf8(stdin) : stdin,
			},
		});
	} catch (thrown) {
		throw explained(thrown, { method, socketPath });
	}
}

function explained(thrown: unknown, { method, socketPath }: { method: Method; socketPath: string }): unknown {
	if (thrown instanceof SystemError && unreachable.includes(thrown.errno)) {
		return new CniError(
			ErrorCode.pluginNotAvailable,
			`error dialing DHCP daemon: dial unix ${socketPath}: ${thrown.message}`,
			{
				details:
					"The daemon does not run: systemctl enable --now cni-dhcp.socket, or start /opt/cni/bin/dhcp daemon. " +
					'"daemonSocketPath" says where it listens',
				cause: thrown,
			},
		);
	}
	if (thrown instanceof DaemonError || thrown instanceof GobError || thrown instanceof SystemError) {
		const reason = errnoOf(thrown) === Errno.EAGAIN ? "the daemon does not answer" : messageOf(thrown);
		return new CniError(ErrorCode.internal, `error calling ${method}: ${reason}`, {
			details: reason === "no more tries" ? noServer : "The daemon's log may say more: journalctl -u cni-dhcp",
			cause: thrown,
		});
	}
	return thrown;
}

const noServer =
	"No DHCP server has given an address on the network that the interface is on. Look whether one is there, " +
	"and whether it has addresses left";

const unreachable: readonly number[] = [Errno.ENOENT, Errno.ENOTDIR, Errno.ECONNREFUSED];

function isUnreachable(thrown: unknown): thrown is CniError {
	return thrown instanceof CniError && thrown.code === ErrorCode.pluginNotAvailable;
}

function resultOf(answer: GobObject): Result {
	try {
		return decodeResult(answer);
	} catch (thrown) {
		throw new CniError(ErrorCode.internal, `error calling DHCP.Allocate: ${messageOf(thrown)}`, { cause: thrown });
	}
}

/** The reference's daemon knows neither leases to ask for nor attachments to collect. */
function unlessUnknown<T>({ config, log }: NetworkRequest<DhcpConfig>, method: Method, action: () => T): T | undefined {
	try {
		return action();
	} catch (thrown) {
		const cause = thrown instanceof CniError ? thrown.cause : undefined;
		if (!(cause instanceof DaemonError) || !cause.unknownMethod) throw thrown;
		// That it listens is all that STATUS asks.
		if (method !== "DHCP.Status") {
			log.warn(`The daemon at "${socketPathOf(config)}" is of another suite, and does not know ${method}`);
		}
		return undefined;
	}
}

/** The daemon holds what ADD has answered. @throws CniError */
function compare({ prevResult, ifName }: Request, held: Result): void {
	if (prevResult === undefined) {
		throw fault("Required prevResult missing", "CHECK takes the result of ADD as prevResult; runtimes cache it");
	}
	for (const { address, gateway } of held.ips) {
		const message = `dhcp: Failed to match addr ${formatAddress(address.address)} on interface ${ifName}`;
		const found = prevResult.ips.filter((ip) => samePrefix(ip.address, address));
		if (found.length === 0) {
			throw fault(message, `The lease is of ${formatPrefix(address)}, which the result of ADD lacks`);
		}
		if (gateway !== undefined && !found.some((ip) => sameAddress(ip.gateway, gateway))) {
			throw fault(message, `Its gateway in the result of ADD is not ${formatAddress(gateway)}`);
		}
	}
}

function fault(message: string, details: string): CniError {
	return new CniError(ErrorCode.internal, message, { details });
}
