import { messageOf } from "../../../../lib/cni/error.ts";
import { broadcastAddress, type Datagram, decodeDatagram, encodeDatagram } from "../../../../lib/dhcp/datagram.ts";
import type { Lease } from "../../../../lib/dhcp/lease.ts";
import { type DhcpMessage, decodeReply, encodeRequest } from "../../../../lib/dhcp/message.ts";
import type { IpAddress, IpPrefix } from "../../../../lib/ip/address.ts";
import { fromHex, toHex } from "../../../../lib/linux/bytes.ts";
import { closeInBackground } from "../../../../lib/linux/close-in-background.ts";
import { Errno, errnoOf } from "../../../../lib/linux/errno.ts";
import { NamespaceError, openNamespace } from "../../../../lib/linux/netns.ts";
import { isInterfaceGone, openPacketSocket, receivePacket, sendPacket } from "../../../../lib/linux/packet-socket.ts";
import { addAddress, deleteAddress } from "../../../../lib/netlink/address.ts";
import { findLink, type Link, setLink } from "../../../../lib/netlink/link.ts";
import { appendRoute, listLinkRoutes, onLinkFirst, parseRouteCopy } from "../../../../lib/netlink/route-copy.ts";
import { openRouteSocket } from "../../../../lib/netlink/rtnetlink.ts";
import type { NetlinkSocket } from "../../../../lib/netlink/wire/socket.ts";

/*
 * A container's interface as the daemon sees it. The namespace is entered for one call and left again: whoever kept a
 * descriptor of it, or a socket in it, would keep the kernel from ending it with its container.
 */

/** Which interface: its number stays the same while it exists, whatever it is called. */
export interface LinkPlace {
	/** Of the namespace. */
	readonly path: string;
	readonly index: number;
}

/** The interface that a runtime has named; brought up if it is down. @throws Error */
export function bringUpLink(path: string, name: string): Link {
	return inside(path, (socket) => {
		const link = findLink(socket, { name });
		if (link === undefined) throw new Error(`error looking up "${name}": Link not found`);
		if (!link.up) socket.request(setLink(link, { up: true }));
		return link;
	});
}

/** The interface, or undefined when it or its namespace is gone. @throws Error when that cannot be told */
export function lookUpLink({ path, index }: LinkPlace): Link | undefined {
	try {
		return inside(path, (socket) => findLink(socket, { index }));
	} catch (thrown) {
		if (thrown instanceof NamespaceError && thrown.missing) return undefined;
		throw thrown;
	}
}

/**
 * The IPv4 routes through the interface, for {@link putAddressBack}: with the last address of an interface the kernel takes
 * its routes too. `ip -4 route show table all dev LINK`
 */
export function routesThrough({ path, index }: LinkPlace): readonly string[] {
	return inside(path, (socket) =>
		listLinkRoutes(socket, index)
			.filter(({ destination, table }) => destination.address.family === 4 && table !== localTable)
			.map(({ body }) => toHex(body)),
	);
}

const localTable = 255;

/** `ip address del PREFIX dev LINK`; whether it was there. */
export function takeAddressOff({ path, index }: LinkPlace, prefix: IpPrefix): boolean {
	return inside(path, (socket) => socket.requestAll([deleteAddress(index, prefix)])[0] === undefined);
}

/** Gives the interface an address and routes that it had; what is there already stays. */
export function putAddressBack(
	{ path, index }: LinkPlace,
	{ prefix, routes }: { prefix: IpPrefix; routes: readonly string[] },
): void {
	const copies = onLinkFirst(routes.map((route) => parseRouteCopy(fromHex(route))));
	inside(path, (socket) => {
		const errors = socket.requestAll([
			addAddress(index, { prefix, detectDuplicates: false }),
			...copies.map(appendRoute),
		]);
		const error = errors.find((each) => each !== undefined && each.errno !== Errno.EEXIST);
		if (error !== undefined) throw error;
	});
}

function inside<T>(path: string, action: (socket: NetlinkSocket) => T): T {
	using namespace = openNamespace(path);
	using socket = namespace.run(openRouteSocket);
	return action(socket);
}

/** A socket for messages between the interface and servers. */
export interface DhcpSocket {
	/** To be watched; readable when there is a message, or when the interface has gone down. */
	readonly fd: number;
	/** @throws SystemError */
	send(message: DhcpMessage, to: "everyone" | Pick<Lease, "server" | "via">): void;
	/** Takes one packet: the message, and the hardware address that it came from; undefined for none, or something else. */
	receive(): { readonly message: DhcpMessage; readonly via: Uint8Array } | undefined;
	/** Whether the interface exists no more. */
	isGone(): boolean;
	close(): void;
}

const broadcastMac = new Uint8Array(6).fill(0xff);

/** @throws Error when namespace or interface are gone */
export function openDhcpSocket({ path, index }: LinkPlace): DhcpSocket {
	using namespace = openNamespace(path);
	const fd = namespace.run(() => openPacketSocket(index, { udpPort: 68 }));
	return {
		fd,
		send(message, to) {
			const payload = encodeRequest(message);
			const source = message.clientAddress;
			const destination: IpAddress = to === "everyone" ? broadcastAddress : to.server;
			const packet = encodeDatagram({ source, destination, payload } satisfies Datagram);
			sendPacket(fd, { linkIndex: index, to: to === "everyone" ? broadcastMac : to.via, packet });
		},
		receive() {
			const received = receiveNext(fd);
			if (received === undefined) return undefined;
			const datagram = decodeDatagram(received.packet);
			const message = datagram === undefined ? undefined : decodeReply(datagram.payload);
			return message === undefined ? undefined : { message, via: received.from };
		},
		isGone: () => isInterfaceGone(fd),
		// It waits for an RCU grace period, and so would all other leases.
		close: () => closeInBackground(fd),
	};
}

/** Also EAGAIN's end of what has come, and the one error after the interface has gone down. */
function receiveNext(fd: number) {
	try {
		return receivePacket(fd);
	} catch (thrown) {
		if (errnoOf(thrown) === Errno.EAGAIN || errnoOf(thrown) === Errno.ENETDOWN) return undefined;
		throw new Error(`Cannot receive: ${messageOf(thrown)}`, { cause: thrown });
	}
}
