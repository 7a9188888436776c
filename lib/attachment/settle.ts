import { CniError, ErrorCode } from "../cni/error.ts";
import { formatAddress } from "../ip/address.ts";
import { sleep } from "../linux/libc.ts";
import { listAddresses, ofFamily } from "../netlink/address.ts";
import { findLink, type Link } from "../netlink/link.ts";
import type { NetlinkSocket } from "../netlink/wire/socket.ts";

/** The kernel raises the operational state in a worker, usually within a millisecond of the link coming up. */
const portTimeoutMs = 2500;
/** Polls of 20 µs before the first pause. */
const eagerAttempts = 20;

/** Waits until the kernel lets packets through: as the port of a bridge, until it forwards. @throws CniError naming the state that it is stuck in */
export function waitUntilUp(socket: NetlinkSocket, { index, name, master }: Link): void {
	const deadline = performance.now() + portTimeoutMs;
	for (let attempt = 0; ; attempt++) {
		const link = findLink(socket, { index });
		if (link?.operState === "up") return;
		if (performance.now() > deadline) {
			const what = master === 0 ? `interface "${name}"` : "bridge port";
			throw new CniError(ErrorCode.internal, `${what} in error state: ${link?.operState ?? "gone"}`, {
				details: `\`ip -d link show ${name}\` shows what the kernel thinks of it`,
			});
		}
		// The worker is usually under way already: sleeping would take longer than it does.
		if (attempt >= eagerAttempts) sleep(Math.min(attempt - eagerAttempts + 1, 50));
	}
}

const dadTimeoutMs = 5000;

/**
 * Waits until duplicate address detection has accepted the IPv6 addresses of the link.
 *
 * @throws CniError for an address that another machine has, or when it takes more than 5 s
 */
export function waitForDuplicateDetection(socket: NetlinkSocket, link: Link): void {
	const deadline = performance.now() + dadTimeoutMs;
	for (;;) {
		const addresses = ofFamily(listAddresses(socket, link.index), 6);
		const failed = addresses.find(({ dadFailed }) => dadFailed);
		if (failed !== undefined) {
			const address = formatAddress(failed.prefix.address);
			throw settleError(link, `link ${link.name} has address ${address} in DADFAILED state`, {
				details: `Another machine on the network has ${address}`,
			});
		}
		if (!addresses.some(({ tentative }) => tentative)) return;
		if (performance.now() > deadline) {
			throw settleError(link, `link ${link.name} still has tentative addresses after ${dadTimeoutMs / 1000} seconds`);
		}
		sleep(20);
	}
}

function settleError(link: Link, problem: string, options: { details?: string } = {}): CniError {
	return new CniError(ErrorCode.internal, `failed to settle addresses for "${link.name}": ${problem}`, options);
}
