import { existsSync, writeFileSync } from "node:fs";
import { CniError, ErrorCode } from "../../cni/error.ts";
import { parsePrefix } from "../../ip/address.ts";
import type { Container } from "./container.ts";
import type { ContainerPaths } from "./layout.ts";
import { formatResolvConf, mergeDns } from "./resolver.ts";
import type { Surroundings } from "./surroundings.ts";

/** Files that take the place of those in the container's /etc, by their paths on the host. */
export interface EtcFiles {
	readonly hosts: string | undefined;
	readonly hostname: string | undefined;
	readonly resolvConf: string | undefined;
	/** Whether the container must not write to them, because they are the host's. */
	readonly readOnly: boolean;
}

const hostResolvConf = "/etc/resolv.conf";

/** Writes what a container on networks of its own finds in /etc. @throws CniError */
export function writeEtcFiles(
	paths: ContainerPaths,
	{ container, hostname, defaultDns }: { container: Container; hostname: string } & Pick<Surroundings, "defaultDns">,
): EtcFiles {
	write(paths.hostname, hostname);
	write(paths.hosts, `127.0.0.1 localhost\n${addressLines(container, hostname)}`);
	const dns = mergeDns(
		container.networks.map(({ name, result }) => ({ name, dns: result?.dns })),
		defaultDns,
	);
	if (dns !== undefined) write(paths.resolvConf, formatResolvConf(dns));
	else if (!existsSync(hostResolvConf)) {
		throw new CniError(ErrorCode.ioFailure, `Cannot find host's ${hostResolvConf}`, {
			details: "Neither the plugins nor --default-container-dns name a nameserver",
		});
	}
	return {
		hosts: paths.hosts,
		hostname: paths.hostname,
		resolvConf: dns === undefined ? hostResolvConf : paths.resolvConf,
		readOnly: false,
	};
}

/** Those of the host, for a container with a root directory of its own on the host's network. */
export function hostEtcFiles(): EtcFiles {
	return { hosts: "/etc/hosts", hostname: ifPresent("/etc/hostname"), resolvConf: hostResolvConf, readOnly: true };
}

/** Those of the outermost container, which a nested one without networks of its own shares. */
export function sharedEtcFiles({ hosts, hostname, resolvConf }: ContainerPaths): EtcFiles {
	return { hosts: ifPresent(hosts), hostname: ifPresent(hostname), resolvConf: ifPresent(resolvConf), readOnly: false };
}

function ifPresent(path: string): string | undefined {
	return existsSync(path) ? path : undefined;
}

/** The name has one address, and that is of IPv4, as for every container of Mesos. */
function addressLines({ networks }: Container, hostname: string): string {
	const ip = networks.find(({ result }) => result?.ip4 !== undefined)?.result?.ip4?.ip;
	return ip === undefined ? "" : `${addressOf(ip)} ${hostname}\n`;
}

/** @throws CniError for what is no `a.b.c.d/length` */
export function addressOf(ip: string): string {
	const [address = ""] = ip.split("/");
	if (parsePrefix(ip)?.address.family === 4) return address;
	throw new CniError(
		ErrorCode.decodingFailure,
		`Unable to parse the IP address ${ip} for the container: it is no a.b.c.d/length`,
	);
}

function write(path: string, text: string): void {
	writeFileSync(path, text, { mode: 0o644 });
}
