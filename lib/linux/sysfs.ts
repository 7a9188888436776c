import { unlessAbsent } from "./absent.ts";
import { exists, listDirectory, realPath } from "./files.ts";

/*
 * What sysfs says of devices, by path. It shows the interfaces of the namespace in which it was mounted: on a host, those
 * of the host.
 */

/** Where sysfs is; CNI_SUITE_SYSFS lets a test put its own in the place. */
function sysfs(path: string): string {
	return `${process.env.CNI_SUITE_SYSFS || "/sys"}/${path}`;
}

export function hasPciDevice(address: string): boolean {
	return exists(sysfs(`bus/pci/devices/${address}`));
}

export function hasAuxiliaryDevice(id: string): boolean {
	return exists(sysfs(`bus/auxiliary/devices/${id}`));
}

/** The name of the driver that has a PCI device, such as `vfio-pci`. @throws SystemError ENOENT when none has */
export function pciDriver(address: string): string {
	const target = realPath(sysfs(`bus/pci/devices/${address}/driver`));
	return target.slice(target.lastIndexOf("/") + 1);
}

/** Interfaces of a PCI device, or of the first virtio device on it; undefined when it has none. @throws SystemError */
export function pciInterfaces(address: string): readonly string[] | undefined {
	const device = sysfs(`bus/pci/devices/${address}`);
	const own = unlessAbsent(() => listDirectory(`${device}/net`));
	if (own !== undefined) return own;
	const virtio = listDirectory(device).find((name) => name.startsWith("virtio"));
	return virtio === undefined ? undefined : unlessAbsent(() => listDirectory(`${device}/${virtio}/net`));
}

/** Interfaces of a device of the auxiliary bus; undefined when it has none. @throws SystemError */
export function auxiliaryInterfaces(id: string): readonly string[] | undefined {
	return unlessAbsent(() => listDirectory(sysfs(`bus/auxiliary/devices/${id}/net`)));
}

/** Interfaces of the device at a path that begins with `/sys/`. @throws SystemError */
export function interfacesAt(path: string): readonly string[] {
	return listDirectory(sysfs(`${path.slice("/sys/".length)}/net`));
}
