import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { defaultDhcpSocket } from "../../state/dhcp-leases.ts";

/** A file of systemd.unit(5). */
export interface SystemdUnit {
	readonly name: string;
	readonly text: string;
}

/**
 * The units of the DHCP daemon in `directory`: a socket that plugins can always call, and a service that serves it, from the
 * first call on and after each boot. Under the reference's names, whose place they take.
 */
export function dhcpUnits(directory: string): readonly SystemdUnit[] {
	return [
		{
			name: "cni-dhcp.socket",
			text: `[Unit]
Description=Socket of the DHCP daemon for container networks

[Socket]
ListenStream=${defaultDhcpSocket}
SocketMode=0660
SocketUser=root
SocketGroup=root
RemoveOnStop=yes

[Install]
WantedBy=sockets.target
`,
		},
		{
			name: "cni-dhcp.service",
			text: `[Unit]
Description=DHCP daemon for container networks
After=network.target cni-dhcp.socket
Requires=cni-dhcp.socket

[Service]
ExecStart=${escaped(join(directory, "dhcp"))} daemon
# Leases are on disk: the next daemon goes on with them.
Restart=on-failure

[Install]
WantedBy=multi-user.target
Also=cni-dhcp.socket
`,
		},
	];
}

/**
 * The units of `cnictl agents`, for a cluster's address plan: the sign of life, for every agent, and the service that takes
 * back what lost agents hold, for two or three hosts. Each takes its options from a file of its own.
 */
export function agentsUnits(directory: string): readonly SystemdUnit[] {
	const unit = (verb: string, description: string): SystemdUnit => ({
		name: `cni-agents-${verb}.service`,
		text: `[Unit]
Description=${description}
After=network-online.target
Wants=network-online.target

[Service]
# OPTIONS="--…", NETCONFPATH=…
EnvironmentFile=-/etc/default/cni-agents-${verb}
ExecStart=${escaped(join(directory, "cnictl"))} agents ${verb} $OPTIONS
Restart=always
RestartSec=5

[Install]
WantedBy=multi-user.target
`,
	});
	return [
		unit("report", "Sign of life of this agent for the addresses of its container networks"),
		unit("watch", "Watch over the agents of container networks and over what they hold"),
	];
}

/** Whether the file is there with this text. */
export function isUnitThere(directory: string, { name, text }: SystemdUnit): boolean {
	mkdirSync(directory, { recursive: true, mode: 0o755 });
	try {
		return readFileSync(join(directory, name), "utf8") === text;
	} catch {
		return false;
	}
}

/** As a word of a command line in a unit: systemd.service(5), section "Command lines". */
function escaped(path: string): string {
	const doubled = path.replaceAll("%", "%%").replaceAll("$", "$$$$");
	return /^[\w./%$@:+-]+$/.test(path) ? doubled : `"${doubled.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
