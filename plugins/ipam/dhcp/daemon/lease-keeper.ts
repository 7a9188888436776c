import { messageOf } from "../../../../lib/cni/error.ts";
import { everyOne } from "../../../../lib/cni/every-one.ts";
import { type Attachment, sameAttachment } from "../../../../lib/cni/plugin.ts";
import type { Timing } from "../../../../lib/dhcp/client-state.ts";
import type { Lease } from "../../../../lib/dhcp/lease.ts";
import type { Options } from "../../../../lib/dhcp/options.ts";
import { readText } from "../../../../lib/linux/files.ts";
import { parseMac } from "../../../../lib/netlink/mac.ts";
import type { DhcpLeaseRecord, DhcpLeases } from "../../../../lib/state/dhcp-leases.ts";
import { identifySandbox } from "../../../../lib/state/sandbox-identity.ts";
import { bringUpLink } from "./container-link.ts";
import type { EventLoop } from "./event-loop.ts";
import { HeldLease, type Holder, type Surroundings, type Waiter } from "./held-lease.ts";
import { parseRecord } from "./lease-record.ts";

/** Where leases are kept, and with what. */
export interface Keeping {
	readonly loop: EventLoop;
	readonly leases: DhcpLeases;
	readonly timing: Timing;
	/** Whether every client asks for broadcast answers. */
	readonly broadcast: boolean;
	readonly log: (text: string) => void;
}

/** An attachment that shall have a lease. */
export interface Applicant extends Attachment {
	readonly network: string;
	/** The path of its namespace. */
	readonly sandbox: string;
	readonly options: Options;
}

export interface OwnAttachment extends Attachment {
	readonly network: string;
}

/** All leases of a daemon: one of each attachment. */
export interface LeaseKeeper {
	/** Goes on with what an earlier daemon has kept. */
	restore(): void;
	/**
	 * The attachment's lease: the one that it has, or a new one.
	 *
	 * @returns how to wait no more
	 * @throws Error when it could not even be asked for
	 */
	allocate(applicant: Applicant, waiter: Waiter): () => void;
	/** The lease that the attachment has. @throws Error saying why it has none */
	find(attachment: OwnAttachment): Lease;
	/** Gives back what the attachment has; nothing is fine. */
	release(attachment: OwnAttachment): void;
	/** Gives back what the network's attachments have, but for these. */
	collect(network: string, valid: readonly Attachment[]): void;
}

/** How often it is looked whether a namespace has gone without a word. */
const sweepPauseMs = 30_000;

export function createLeaseKeeper(keeping: Keeping): LeaseKeeper {
	const { loop, leases, timing, log } = keeping;
	const boot = readText("/proc/sys/kernel/random/boot_id").trim();
	const held = new Map<string, HeldLease>();

	const surroundingsOf = (holder: Holder): Surroundings => {
		const key = keyOf(holder);
		return {
			loop,
			timing,
			boot,
			records: leases.of(holder.network),
			log: (text) => log(`${key}: ${text}`),
			ended: () => held.delete(key),
		};
	};
	const hold = (holder: Holder): HeldLease => {
		const lease = new HeldLease(holder, surroundingsOf(holder));
		held.set(keyOf(holder), lease);
		return lease;
	};
	const sweep = () => {
		loop.at(loop.now() + sweepPauseMs, sweep);
		everyOne([...held.values()], (lease) => {
			if (!lease.isLinkThere()) lease.abandon("its interface is gone");
		});
	};
	const restoreOne = (record: DhcpLeaseRecord) => {
		try {
			const { identity, lease } = parseRecord(record);
			if (record.boot !== boot) throw new Error("it is of another boot of this machine");
			const one = hold({ ...record, identity });
			if (one.isLinkThere()) one.restore({ ...record, lease });
			else one.abandon("its interface is gone");
		} catch (thrown) {
			log(`${keyOf(record)}: Cannot go on with the lease on record: ${messageOf(thrown)}`);
			held.delete(keyOf(record));
			leases.of(record.network).remove(record);
		}
	};

	return {
		restore() {
			for (const record of leases.takeOver()) restoreOne(record);
			sweep();
		},

		allocate(applicant, waiter) {
			const present = held.get(keyOf(applicant));
			if (present !== undefined) {
				const fits = present.holder.sandbox.path === applicant.sandbox && present.isLinkThere();
				if (fits && present.isAcquiring) return present.wait(waiter);
				if (fits && present.lease !== undefined) {
					waiter.got(present.lease);
					return () => {};
				}
				present.abandon("the attachment is made anew");
			}
			const one = hold(holderOf(applicant, keeping));
			const leave = one.wait(waiter);
			one.acquire();
			return leave;
		},

		find(attachment) {
			const one = held.get(keyOf(attachment));
			const { containerId, ifName, network } = attachment;
			const whose = `container "${containerId}", interface "${ifName}", network "${network}"`;
			if (one === undefined) throw new Error(`no lease is held for ${whose}`);
			if (one.lost !== undefined) throw new Error(`the lease of ${whose} has ended, and is not to be had again yet`);
			if (one.lease === undefined) throw new Error(`a lease for ${whose} is still being asked for`);
			if (!one.isLinkThere()) throw new Error(`the interface of ${whose} is gone`);
			return one.lease;
		},

		release(attachment) {
			held.get(keyOf(attachment))?.release("its attachment has ended");
		},

		collect(network, valid) {
			everyOne([...held.values()], (one) => {
				const { holder } = one;
				if (holder.network !== network || valid.some((each) => sameAttachment(each, holder))) return;
				one.release("its attachment is not valid any more");
			});
		},
	};
}

function keyOf({ containerId, network, ifName }: OwnAttachment): string {
	return `${containerId}/${network}/${ifName}`;
}

/** Behind an interface of ipvlan are several machines with one hardware address: an answer to that alone may reach any. */
const sharesAddress = "ipvlan";

function holderOf(applicant: Applicant, { broadcast }: Keeping): Holder {
	const { containerId, ifName, network, sandbox, options } = applicant;
	const link = bringUpLink(sandbox, ifName);
	const hardwareAddress = parseMac(link.mac);
	if (hardwareAddress?.byteLength !== 6) throw new Error(`"${ifName}" has no hardware address to be known by`);
	return {
		containerId,
		ifName,
		network,
		sandbox: identifySandbox(sandbox),
		link: { index: link.index, mac: link.mac },
		identity: { hardwareAddress, options, broadcast: broadcast || link.kind === sharesAddress },
	};
}
