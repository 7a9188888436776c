import { CniError, ErrorCode, messageOf } from "../../../lib/cni/error.ts";
import { auxiliaryInterfaces, interfacesAt, pciDriver, pciInterfaces } from "../../../lib/linux/sysfs.ts";
import { findLink, type Link, listLinks } from "../../../lib/netlink/link.ts";
import type { NetlinkSocket } from "../../../lib/netlink/wire/socket.ts";
import type { HostDeviceSettings, Selector } from "./config.ts";

/** Drivers that give a device to a program in user space: the kernel has no interface for it. */
const userSpaceDrivers: readonly string[] = ["vfio-pci", "uio_pci_generic", "igb_uio"];

/** Whether a program in the container drives the device (DPDK), so that there is no interface to move. @throws CniError */
export function isDpdk({ pciAddress, dpdkMode }: HostDeviceSettings): boolean {
	if (pciAddress === undefined) return dpdkMode;
	try {
		return userSpaceDrivers.includes(pciDriver(pciAddress));
	} catch (thrown) {
		throw new CniError(ErrorCode.internal, `error with host device: ${messageOf(thrown)}`, {
			details: `The PCI device "${pciAddress}" is not there, or no driver has it: lspci -k -s ${pciAddress}`,
			cause: thrown,
		});
	}
}

/** The interface that the selector means, on the host. @throws CniError */
export function findDevice(host: NetlinkSocket, selector: Selector): Link {
	const link = selector.by === "mac" ? byMac(host, selector.mac) : findLink(host, { name: nameOf(selector) });
	if (link !== undefined) return link;
	throw missing(selector.by === "name" ? "Link not found" : "failed to find physical interface");
}

function byMac(host: NetlinkSocket, mac: string): Link | undefined {
	return listLinks(host).find((link) => link.mac === mac);
}

function nameOf(selector: Exclude<Selector, { by: "mac" }>): string {
	switch (selector.by) {
		case "name":
			return selector.name;
		case "path":
			return firstOf(`${selector.path}/net`, () => interfacesAt(selector.path));
		case "pci":
			return firstOf(`/sys/bus/pci/devices/${selector.address}`, () => {
				const names = pciInterfaces(selector.address);
				if (names === undefined) throw new Error(`no net directory under pci device ${selector.address}`);
				return names;
			});
		case "auxiliary":
			return firstOf(`/sys/bus/auxiliary/devices/${selector.id}/net`, () => auxiliaryInterfaces(selector.id) ?? []);
	}
}

function firstOf(path: string, list: () => readonly string[]): string {
	let names: readonly string[];
	try {
		names = list();
	} catch (thrown) {
		throw missing(`failed to read directory ${path}: "${messageOf(thrown)}"`);
	}
	const [name] = names;
	if (name === undefined) throw missing(`failed to find network device in path ${path}`);
	return name;
}

function missing(reason: string): CniError {
	return new CniError(ErrorCode.internal, `failed to find host device: ${reason}`, {
		details: "The host does not have it now: another container may, `ip link` shows what there is",
	});
}
