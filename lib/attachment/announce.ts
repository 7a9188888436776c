import { type Link, setLink } from "../netlink/link.ts";
import type { NetlinkSocket } from "../netlink/wire/socket.ts";
import type { SysctlDescription } from "./interface.ts";

/*
 * Whoever still remembers an earlier owner of an address must learn the new one's hardware address, by a gratuitous
 * ARP request (RFC 5227 section 3) or an unsolicited neighbour advertisement (RFC 4861 section 7.2.6).
 *
 * The kernel sends both whenever the hardware address of an interface is set, if the interface's parameters ask for
 * it. A packet socket of our own would do too, but closing one waits for an RCU grace period: 10 ms.
 */

/** The parameters that make the kernel announce, now and whenever the link comes up again. */
export function announcementSysctls(name: string): readonly SysctlDescription[] {
	return [
		{ path: `net/ipv4/conf/${name}/arp_notify`, value: "1", essential: false },
		{ path: `net/ipv6/conf/${name}/ndisc_notify`, value: "1", essential: false },
	];
}

/**
 * Announces the link's addresses to its neighbours, by setting its hardware address to what it is: `ip link set LINK
 * address MAC`. The link is up and has the parameters of {@link announcementSysctls}. @throws NetlinkError
 */
export function announce(socket: NetlinkSocket, link: Link): void {
	socket.request(setLink(link, { mac: link.mac }));
}
