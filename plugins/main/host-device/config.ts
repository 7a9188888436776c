import { commonKeys } from "../../../lib/cni/common-keys.ts";
import { CniError, ErrorCode } from "../../../lib/cni/error.ts";
import { boolean, type Infer, object, required, string } from "../../../lib/cni/schema.ts";
import { hasAuxiliaryDevice, hasPciDevice } from "../../../lib/linux/sysfs.ts";
import { formatMac, parseMac } from "../../../lib/netlink/mac.ts";
import { defaultHostDeviceDirectory } from "../../../lib/state/host-device-record.ts";

/** The keys of host-device; docs/plugins/host-device.md explains each. */
export const hostDeviceSchema = required(
	object({
		...commonKeys,
		device: string(""),
		hwaddr: string(""),
		kernelpath: string(""),
		pciBusID: string(""),
		DPDKMode: boolean(false),
		dataDir: string(),
		runtimeConfig: object({ deviceID: string("") }),
	}),
);

export type HostDeviceConfig = Infer<typeof hostDeviceSchema>;

/** How the device is found; of several ways, the first of these counts. */
export type Selector =
	| { readonly by: "name"; readonly name: string }
	| { readonly by: "mac"; readonly mac: string }
	| { readonly by: "path"; readonly path: string }
	| { readonly by: "pci"; readonly address: string }
	| { readonly by: "auxiliary"; readonly id: string };

export interface HostDeviceSettings {
	readonly selector: Selector;
	/** Of the device, if the configuration or the runtime names one. */
	readonly pciAddress: string | undefined;
	/** The configuration's word, where no PCI address lets us see for ourselves. */
	readonly dpdkMode: boolean;
}

/** @throws CniError code 7 */
export function parseSettings(config: HostDeviceConfig): HostDeviceSettings {
	const { device, hwaddr, kernelpath, DPDKMode } = config;
	const { pciAddress, auxiliaryId } = parseBusIds(config);
	const mac = parseHardwareAddress(hwaddr);
	const path = parseKernelPath(kernelpath);
	const selectors: readonly Selector[] = [
		...(device === "" ? [] : [{ by: "name", name: device } as const]),
		...(mac === undefined ? [] : [{ by: "mac", mac } as const]),
		...(path === undefined ? [] : [{ by: "path", path } as const]),
		...(pciAddress === undefined ? [] : [{ by: "pci", address: pciAddress } as const]),
		...(auxiliaryId === undefined ? [] : [{ by: "auxiliary", id: auxiliaryId } as const]),
	];
	const [selector] = selectors;
	if (selector === undefined) {
		throw invalid(
			'specify either "device", "hwaddr", "kernelpath" or "pciBusID"',
			'Or let the runtime name the device: "capabilities": {"deviceID": true}',
		);
	}
	return { selector, pciAddress, dpdkMode: DPDKMode };
}

/** What can be said of a configuration before a runtime names a device. @throws CniError code 7 */
export function validateConfig({ hwaddr, kernelpath, pciBusID }: HostDeviceConfig): void {
	parseHardwareAddress(hwaddr);
	parseKernelPath(kernelpath);
	if (pciBusID !== "") requireBusId("pciBusID", pciBusID);
}

export function recordDirectory({ dataDir }: HostDeviceConfig): string {
	return dataDir || defaultHostDeviceDirectory;
}

/** The runtime's device counts more than the configuration's, on whichever bus it is. */
function parseBusIds({ pciBusID, runtimeConfig }: HostDeviceConfig): {
	pciAddress?: string | undefined;
	auxiliaryId?: string;
} {
	const deviceId = runtimeConfig?.deviceID ?? "";
	if (deviceId !== "") {
		if (isBusId(deviceId) && hasPciDevice(deviceId)) return { pciAddress: deviceId };
		if (isBusId(deviceId) && hasAuxiliaryDevice(deviceId)) return { auxiliaryId: deviceId };
		throw invalid(
			`runtime config DeviceID ${deviceId} not found or unsupported`,
			"It is neither in /sys/bus/pci/devices nor in /sys/bus/auxiliary/devices",
		);
	}
	if (pciBusID === "") return {};
	requireBusId("pciBusID", pciBusID);
	return { pciAddress: pciBusID };
}

/** Names of devices become parts of paths. */
function isBusId(text: string): boolean {
	return /^[A-Za-z0-9_][A-Za-z0-9_.:-]*$/.test(text);
}

function requireBusId(key: string, text: string): void {
	if (!isBusId(text)) throw invalid(`"${key}" must be the name of a device, not "${text}"`, "Such as 0000:3b:00.1");
}

function parseHardwareAddress(text: string): string | undefined {
	if (text === "") return undefined;
	const bytes = parseMac(text);
	if (bytes !== undefined) return formatMac(bytes);
	throw invalid(
		`failed to parse MAC address "${text}": address ${text}: invalid MAC address`,
		"A MAC address has the form 02:00:00:00:00:01",
	);
}

function parseKernelPath(path: string): string | undefined {
	if (path === "") return undefined;
	if (path.startsWith("/sys/devices/") && !path.split("/").includes("..")) return path;
	throw invalid(`kernel device path "${path}" must be absolute and begin with /sys/devices/`);
}

function invalid(message: string, details = ""): CniError {
	return new CniError(ErrorCode.invalidNetworkConfig, message, { details });
}
