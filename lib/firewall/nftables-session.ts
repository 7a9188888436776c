import { CniError, ErrorCode } from "../cni/error.ts";
import { Errno, errnoOf } from "../linux/errno.ts";
import { NetlinkError } from "../netlink/wire/error.ts";
import { NETLINK_NETFILTER, type NetlinkSocket, openNetlinkSocket } from "../netlink/wire/socket.ts";

const EPROTONOSUPPORT = 93;
const EAFNOSUPPORT = 97;

/**
 * Runs `action` with a socket to the nf_tables of the thread's current namespace.
 *
 * @param absent what to return when this kernel has no nf_tables; without it that is an error
 * @throws CniError
 */
export function withNftables<T>(action: (socket: NetlinkSocket) => T, absent?: () => T): T {
	try {
		using socket = openNetlinkSocket(NETLINK_NETFILTER);
		return action(socket);
	} catch (thrown) {
		if (absent !== undefined && isUnavailable(thrown)) return absent();
		throw explain(thrown);
	}
}

/** Whether a CniError says that this kernel cannot hold our tables. */
export function isWithoutNftables(thrown: unknown): boolean {
	return thrown instanceof CniError && isUnavailable(thrown.cause);
}

/** What the kernel answers without nf_tables, or without the table family. */
function isUnavailable(thrown: unknown): boolean {
	const errno = thrown instanceof NetlinkError ? thrown.errno : errnoOf(thrown);
	return [EPROTONOSUPPORT, EAFNOSUPPORT, Errno.EOPNOTSUPP].includes(errno) || isUnknownSubsystem(thrown);
}

/** nfnetlink knows no subsystem "nf_tables": EINVAL, without a word about what was wrong. */
function isUnknownSubsystem(thrown: unknown): boolean {
	return thrown instanceof NetlinkError && thrown.errno === Errno.EINVAL && thrown.kernelText === "";
}

function explain(thrown: unknown): unknown {
	if (thrown instanceof CniError) return thrown;
	const message = thrown instanceof Error ? thrown.message : String(thrown);
	const errno = thrown instanceof NetlinkError ? thrown.errno : errnoOf(thrown);
	return new CniError(ErrorCode.internal, `Cannot change or read the nftables ruleset: ${message}`, {
		details: helpFor(errno, thrown),
		cause: thrown,
	});
}

function helpFor(errno: number, thrown: unknown): string {
	if (errno === Errno.EPERM) return "Run the plugin as root, with CAP_NET_ADMIN in the namespace of the host";
	if (isUnavailable(thrown)) {
		return 'Load the kernel module (modprobe nf_tables), or set "ipMasqBackend": "iptables"';
	}
	return "Look at the ruleset with: nft list ruleset";
}
