import type { Attachment } from "../cni/plugin.ts";
import { unlessAbsent } from "../linux/absent.ts";
import { listDirectory } from "../linux/files.ts";
import { type AttachmentRecord, type AttachmentRecords, attachmentRecords } from "./attachment-records.ts";
import { isSandboxGone } from "./sandbox-identity.ts";

/**
 * The leases of a DHCP daemon, beside its socket, so that each daemon has its own:
 *
 *     /run/cni/dhcp.sock
 *     /run/cni/dhcp.sock.leases/
 *         .lock                              flock(2): held by the daemon that serves the socket, as long as it runs
 *         <network>/<container id>:<if>      a DhcpLeaseRecord (attachment-files.ts)
 *
 * A record is there before the server is asked for the address, and until the server has been told that it is free: a daemon
 * that was killed anywhere between finds it, and what it tells of may be held. Only the daemon writes, but for a plugin that
 * finds none: it marks the records of attachments that end, and the next daemon gives back what it still can.
 *
 * Times are of the clock that counts from the machine's start; a record of another boot tells of a container that is gone.
 */
export interface DhcpLeases {
	of(network: string): AttachmentRecords<DhcpLeaseRecord>;
	/** For a daemon that begins: all records; what an earlier one has left incomplete goes. @throws CniError code 5 */
	takeOver(): readonly DhcpLeaseRecord[];
	readonly lockPath: string;
}

export interface DhcpLeaseRecord extends AttachmentRecord {
	readonly network: string;
	/** Of the kernel: /proc/sys/kernel/random/boot_id. */
	readonly boot: string;
	/** The interface that the lease was got for. */
	readonly link: { readonly index: number; readonly mac: string };
	/**
	 * `unclaimed`: a server may hold it for us, and nobody has it: it is requested, or its attachment has ended. `lost`: it must
	 * not be used; the client tries to get it back.
	 */
	readonly state: "unclaimed" | "bound" | "lost";
	/** What is sent to servers: bytes in hexadecimal, by the code of the option. */
	readonly options: Readonly<Record<string, string>>;
	readonly broadcast: boolean;
	/** `10.1.2.3/24`; while it is only offered, with the length 32. */
	readonly address: string;
	readonly server: string;
	/** The hardware address that stands before the server. */
	readonly via: string;
	/** When to act; null for a lease without end. `until` says the same for people. */
	readonly times: { readonly renewAt: number; readonly rebindAt: number; readonly expiresAt: number } | null;
	readonly until: string;
	/** What the server said beside the address. */
	readonly gateway: string;
	readonly routes: readonly { readonly destination: string; readonly gateway: string }[];
	readonly nameservers: readonly string[];
	readonly domain: string;
	readonly search: readonly string[];
	/** Routes that went from the interface with a lost address, as the kernel takes them, in hexadecimal. */
	readonly takenRoutes: readonly string[];
}

/** The socket that plugins ask and the daemon serves, unless told otherwise. */
export const defaultDhcpSocket = "/run/cni/dhcp.sock";

/** Where the leases of the daemon that serves the socket are. */
export function dhcpLeaseDirectory(socketPath: string): string {
	return `${socketPath}.leases`;
}

export function dhcpLeases(socketPath: string): DhcpLeases {
	const directory = dhcpLeaseDirectory(socketPath);
	const of = (network: string) =>
		attachmentRecords<DhcpLeaseRecord>(
			{ dataDir: directory, network },
			{ what: "a DHCP lease", keys: ["network", "boot", "link", "state", "options", "address", "server", "via"] },
		);
	const networks = () => (unlessAbsent(() => listDirectory(directory)) ?? []).filter((name) => !name.startsWith("."));
	return {
		of,
		takeOver: () =>
			networks().flatMap((network) => {
				const records = of(network).readAll();
				of(network).retain(records);
				return records;
			}),
		lockPath: `${directory}/.lock`,
	};
}

/**
 * For an attachment that ends while no daemon runs; nothing is fine. Where its namespace is gone, nothing can be given back,
 * and the record goes. @throws CniError code 5
 */
export function markUnclaimed(socketPath: string, { network, ...attachment }: Attachment & { network: string }): void {
	const records = dhcpLeases(socketPath).of(network);
	const record = records.read(attachment);
	if (record !== undefined && !isSandboxGone(record.sandbox)) records.write({ ...record, state: "unclaimed" });
	else records.remove(attachment);
}
