import { CniError, ErrorCode, messageOf } from "../cni/error.ts";
import type { Shared } from "../cni/shared.ts";
import { Errno, errnoOf } from "../linux/errno.ts";
import { BatchError, readGeneration } from "../netlink/nftables/batch.ts";
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
export type Nftables = <T>(action: (socket: NetlinkSocket) => T, absent?: () => T) => T;

/** With a socket of its own. */
export function withNftables<T>(action: (socket: NetlinkSocket) => T, absent?: () => T): T {
	return explaining(absent, () => {
		using socket = openNetlinkSocket(NETLINK_NETFILTER);
		return action(socket);
	});
}

/** With one socket for all actions, which the first one opens. */
function openNftables(): { readonly nftables: Nftables } & Disposable {
	let kept: NetlinkSocket | undefined;
	const forget = () => {
		kept?.[Symbol.dispose]();
		kept = undefined;
	};
	return {
		nftables: (action, absent) =>
			explaining(absent, () => {
				kept ??= openNetlinkSocket(NETLINK_NETFILTER);
				try {
					return action(kept);
				} catch (thrown) {
					// Whatever was under way: nobody finds its answers in front of his own.
					forget();
					throw thrown;
				}
			}),
		[Symbol.dispose]: forget,
	};
}

/** The way of a call that shares what it has open, or with a socket for each action. */
export function nftablesOf(shared: Shared | undefined): Nftables {
	return shared === undefined ? withNftables : shared(openNftables).nftables;
}

function explaining<T>(absent: (() => T) | undefined, action: () => T): T {
	try {
		return action();
	} catch (thrown) {
		if (absent !== undefined && isUnavailable(thrown)) return absent();
		throw explain(thrown);
	}
}

/** Whether a CniError says that this kernel cannot hold our tables. */
export function isWithoutNftables(thrown: unknown): boolean {
	return thrown instanceof CniError && isUnavailable(thrown.cause);
}

/** What the kernel answers without nf_tables, without the table family, or without masquerading in nf_tables. */
function isUnavailable(thrown: unknown): boolean {
	const errno = thrown instanceof NetlinkError ? thrown.errno : errnoOf(thrown);
	if ([EPROTONOSUPPORT, EAFNOSUPPORT, Errno.EOPNOTSUPP].includes(errno)) return true;
	if (thrown instanceof BatchError) return errno === Errno.ENOENT;
	// Without nf_tables, nfnetlink knows no such subsystem, and says nothing more about it; but that may mean other things.
	return thrown instanceof NetlinkError && errno === Errno.EINVAL && thrown.kernelText === "" && !answers();
}

/** Whether nf_tables answers the simplest question. */
function answers(): boolean {
	try {
		using socket = openNetlinkSocket(NETLINK_NETFILTER);
		readGeneration(socket);
		return true;
	} catch {
		return false;
	}
}

function explain(thrown: unknown): unknown {
	return thrown instanceof CniError ? thrown : rulesetError(thrown, helpFor(thrown));
}

/** What the kernel has refused, and what helps. */
export function rulesetError(thrown: unknown, details: string): CniError {
	return new CniError(ErrorCode.internal, `Cannot read or change the nftables ruleset: ${messageOf(thrown)}`, {
		details,
		cause: thrown,
	});
}

function helpFor(thrown: unknown): string {
	const errno = thrown instanceof NetlinkError ? thrown.errno : errnoOf(thrown);
	if (errno === Errno.EPERM) return "Run the plugin as root, with CAP_NET_ADMIN in the namespace of the host";
	if (isUnavailable(thrown)) {
		return 'Load the kernel modules (modprobe -a nf_tables nft_chain_nat nft_masq nft_nat nft_fib_inet); or choose iptables: "ipMasqBackend" of bridge, "backend" of portmap';
	}
	return "Look at the ruleset with: nft list ruleset";
}
