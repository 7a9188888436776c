import { randomMac } from "../../../lib/netlink/mac.ts";

/**
 * A bridge without a MAC of its own takes the lowest of its ports', and with it changes what neighbours remember. The
 * container ports have high ones, which no bridge takes that has another port, and which tell, where a bridge without
 * other ports has taken one, that it is not its own.
 */
const prefix = "fe:c1:";

/** A random MAC for the end of a veth pair that is a port of the bridge. */
export function randomPortMac(): string {
	return prefix + randomMac().slice(prefix.length);
}

/** Whether {@link randomPortMac} has made it. */
export function isPortMac(mac: string): boolean {
	return mac.startsWith(prefix);
}
