import type { Sandbox } from "../../../lib/attachment/sandbox.ts";
import { CniError, ErrorCode, messageOf } from "../../../lib/cni/error.ts";
import { openNamespace } from "../../../lib/linux/netns.ts";
import { findLink, type Link, listLinks, setLink } from "../../../lib/netlink/link.ts";
import type { NetlinkSocket } from "../../../lib/netlink/wire/socket.ts";

/*
 * A device changes namespace, name and alias in one request, so that whoever is killed leaves it either here or there, and
 * complete. The reference goes through a third namespace, with which a virtual device ends when the plugin does.
 */

/** How a device is known where it belongs. */
export interface Home {
	/** Its name on the host. */
	readonly device: string;
	/** Undefined where nothing is known but the alias. */
	readonly mac: string | undefined;
	/** Whether it is to be up. */
	readonly up: boolean;
}

/** Gives the host's device to the sandbox, as `ifName` and down; its alias says where it comes from. @throws CniError */
export function moveIn(host: NetlinkSocket, { sandbox, device, ifName }: Move): Link {
	try {
		host.request(setLink(device, { namespaceFd: sandbox.namespace.fd, name: ifName, alias: device.name }));
	} catch (thrown) {
		throw new CniError(ErrorCode.internal, `failed to move link "${device.name}": ${messageOf(thrown)}`, {
			details: "The kernel refuses for interfaces that belong to their namespace, such as bridges' VLANs and tunnels",
			cause: thrown,
		});
	}
	const link = findLink(sandbox.socket, { name: ifName });
	if (link !== undefined) return link;
	throw new CniError(ErrorCode.internal, `failed to find "${ifName}" in container NS: Link not found`);
}

export interface Move {
	readonly sandbox: Sandbox;
	readonly device: Link;
	readonly ifName: string;
}

/** Brings a device back from the sandbox, with its own name and without alias. @throws CniError, and it stays */
export function moveOut(
	host: NetlinkSocket,
	{ sandbox, link, home }: { sandbox: Sandbox; link: Link; home: Home },
): void {
	// Asked first: the kernel would move it, and then refuse the name.
	if (findLink(host, { name: home.device }) !== undefined) throw nameTaken(link, home);
	using here = openNamespace("/proc/thread-self/ns/net");
	try {
		sandbox.socket.request(setLink(link, { namespaceFd: here.fd, name: home.device, alias: "", ...upOf(home) }));
	} catch (thrown) {
		throw new CniError(ErrorCode.internal, `failed to move "${home.device}" to hostNS: ${messageOf(thrown)}`, {
			cause: thrown,
		});
	}
}

/**
 * Restores the device on the host, where a namespace that ended has sent it: under the name that it had in the container,
 * or a number. Nothing is done when it is not there.
 */
export function restoreAtHome(host: NetlinkSocket, home: Home): void {
	const link = listLinks(host).find(({ alias, mac }) => alias === home.device && isSameMac(mac, home));
	if (link !== undefined) {
		const taken = link.name !== home.device && findLink(host, { name: home.device }) !== undefined;
		if (taken) throw nameTaken(link, home);
		// Before Linux 6.2, an interface that is up has no new name.
		host.request(setLink(link, { up: false }));
		host.request(setLink(link, { name: home.device, alias: "", ...upOf(home) }));
	}
}

/** The kernel's own addresses of hardware stay; a later plugin (tuning) may have set another and been killed. */
function isSameMac(mac: string, home: Home): boolean {
	return home.mac === undefined || home.mac === mac;
}

function upOf({ up }: Home): { up?: true } {
	return up ? { up } : {};
}

function nameTaken(link: Link, { device }: Home): CniError {
	return new CniError(ErrorCode.internal, `failed to move "${device}" to hostNS: file exists`, {
		details: `The host has another interface "${device}". Rename that one, and DEL again; the device is "${link.name}" still`,
	});
}
