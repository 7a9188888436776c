import { encodeUtf8 } from "../linux/utf8.ts";

const AF_UNIX = 1;
const defaultPath = "/run/dbus/system_bus_socket";

/**
 * The `sockaddr_un` of a bus address: `unix:path=/run/dbus/system_bus_socket`, `unix:abstract=NAME`; of several,
 * separated by semicolons, the first of these kinds.
 *
 * @throws Error when there is none
 */
export function socketNameOf(address: string | undefined): Uint8Array {
	if (address === undefined || address === "") return sockaddr(defaultPath);
	for (const entry of address.split(";")) {
		if (!entry.startsWith("unix:")) continue;
		for (const pair of entry.slice("unix:".length).split(",")) {
			const [key = "", value = ""] = pair.split("=", 2);
			const text = decodeEscapes(value);
			if (key === "path") return sockaddr(text);
			if (key === "abstract") return sockaddr(`\0${text}`, { terminated: false });
		}
	}
	throw new Error(`the address "${address}" of the bus names no unix socket`);
}

/** Everything but letters, digits and some signs is written `%20`. */
function decodeEscapes(text: string): string {
	try {
		return decodeURIComponent(text);
	} catch {
		return text;
	}
}

function sockaddr(path: string, { terminated = true }: { terminated?: boolean } = {}): Uint8Array {
	const text = encodeUtf8(terminated ? `${path}\0` : path);
	// struct sockaddr_un has room for 108 bytes.
	if (text.byteLength > 108) throw new Error(`the path "${path}" of the bus is too long for a socket`);
	const address = new Uint8Array(2 + text.byteLength);
	address[0] = AF_UNIX;
	address.set(text, 2);
	return address;
}
