import type { PortMapping } from "../../firewall/port-map-backend.ts";
import { formatAddress, formatPrefix } from "../../ip/address.ts";
import type { ShownLimit } from "./limits.ts";
import type { Checked, ShownRoute } from "./shown-attachment.ts";

/** `0.0.0.0/0 via 10.1.2.1` */
export function routeText({ destination, gateway }: ShownRoute): string {
	return `${formatPrefix(destination)}${gateway === undefined ? "" : ` via ${formatAddress(gateway)}`}`;
}

/** `8080->80/tcp`, `192.0.2.1:53->53/udp` */
export function portText({ hostPort, containerPort, protocol, hostAddress }: PortMapping): string {
	const text = hostAddress === undefined ? "" : formatAddress(hostAddress);
	const host = hostAddress === undefined ? "" : `${hostAddress.family === 4 ? text : `[${text}]`}:`;
	return `${host}${hostPort}->${containerPort}/${protocol}`;
}

/** `in 8 Mbit/s`: towards the container. */
export function limitText({ direction, rateBitsPerSecond }: ShownLimit): string {
	return `${direction === "ingress" ? "in" : "out"} ${rateText(rateBitsPerSecond)}`;
}

const units = ["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"] as const;

/** In the largest unit in which it has a whole number, or three digits. */
function rateText(rateBitsPerSecond: number): string {
	let value = rateBitsPerSecond;
	let unit = 0;
	while (value >= 1000 && unit < units.length - 1) {
		value /= 1000;
		unit++;
	}
	return `${Number(value.toPrecision(3))} ${units[unit]}`;
}

/** What the kernel does not have is marked. */
export function marked<T>({ value, inKernel }: Checked<T>, textOf: (value: T) => string): string {
	return inKernel === false ? `${textOf(value)} (missing)` : textOf(value);
}
