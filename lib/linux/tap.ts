import { close, type DeviceRequest, ioctl, O_RDWR, open } from "./libc.ts";
import { encodeUtf8 } from "./utf8.ts";

/** Who may open a tap device, and how often at once. */
export interface NewTap {
	/** At most 15 bytes. */
	readonly name: string;
	readonly multiQueue: boolean;
	/** User id; absent for any user, who then needs CAP_NET_ADMIN. */
	readonly owner?: number | undefined;
	/** Group id; the same. */
	readonly group?: number | undefined;
}

const device = "/dev/net/tun";

const TUNSETIFF = 0x400454ca;
const TUNSETPERSIST = 0x400454cb;
const TUNSETOWNER = 0x400454cc;
const TUNSETGROUP = 0x400454ce;
const IFF_TAP = 0x0002;
const IFF_MULTI_QUEUE = 0x0100;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;
/** Fails with EBUSY where there is an interface of that name, instead of opening it. */
const IFF_TUN_EXCL = 0x8000;

/**
 * Creates a tap device that lasts, in the network namespace of the thread: `ip tuntap add mode tap name NAME
 * multi_queue user OWNER group GROUP`. Until it lasts it goes with this process, so that a killed one leaves no half
 * of it.
 *
 * @throws SystemError
 */
export function createTap({ name, multiQueue, owner, group }: NewTap): void {
	withTunDevice((fd) => {
		const flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_TUN_EXCL | (multiQueue ? IFF_MULTI_QUEUE : 0);
		const requests: readonly DeviceRequest[] = [
			{ name: "TUNSETIFF", request: TUNSETIFF, argument: ifreq({ name, flags }) },
			...(owner === undefined ? [] : [{ name: "TUNSETOWNER", request: TUNSETOWNER, argument: owner }]),
			...(group === undefined ? [] : [{ name: "TUNSETGROUP", request: TUNSETGROUP, argument: group }]),
			{ name: "TUNSETPERSIST", request: TUNSETPERSIST, argument: 1 },
		];
		for (const request of requests) ioctl(fd, request);
	});
}

/** @throws SystemError when this kernel, or what this process sees of its devices, has none */
export function requireTunDevice(): void {
	withTunDevice(() => {});
}

function withTunDevice(action: (fd: number) => void): void {
	const fd = open(device, { flags: O_RDWR });
	try {
		action(fd);
	} finally {
		close(fd);
	}
}

/** `struct ifreq`: name in 16 bytes, u16 flags; 40 bytes in all. */
function ifreq({ name, flags }: { name: string; flags: number }): Uint8Array {
	const bytes = new Uint8Array(40);
	bytes.set(encodeUtf8(name).subarray(0, 15));
	new DataView(bytes.buffer).setUint16(16, flags, true);
	return bytes;
}
