/** Where somebody who speaks HTTP listens. */
export type Endpoint = InternetEndpoint | SocketEndpoint;

export interface InternetEndpoint {
	readonly kind: "internet";
	/** By TLS. */
	readonly secure: boolean;
	/** A name or an address, without brackets. */
	readonly host: string;
	readonly port: number;
	/** As it was written. */
	readonly url: string;
}

/** A socket in the file system of this machine. */
export interface SocketEndpoint {
	readonly kind: "socket";
	readonly path: string;
	readonly url: string;
}

/** Parses `http://10.0.0.1:2379` or `https://[fd00::1]`, or returns undefined. */
export function parseInternetEndpoint(url: string, defaultPort: number): InternetEndpoint | undefined {
	const parts = /^(https?):\/\/(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?\/?$/.exec(url);
	if (parts === null) return undefined;
	const [, scheme, bracketed, plain = "", portText] = parts;
	const port = portText === undefined ? defaultPort : Number(portText);
	if (port < 1 || port > 65535) return undefined;
	return { kind: "internet", secure: scheme === "https", host: bracketed ?? plain, port, url };
}

/** What HTTP calls it in the field Host. */
export function authorityOf(endpoint: Endpoint): string {
	if (endpoint.kind === "socket") return "localhost";
	const { host, port } = endpoint;
	return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
