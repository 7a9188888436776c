/** Where a member of etcd listens for clients. */
export interface Endpoint {
	readonly secure: boolean;
	/** A name or an address, without brackets. */
	readonly host: string;
	readonly port: number;
	/** As it was written. */
	readonly url: string;
}

const defaultPort = 2379;

/** Parses `http://10.0.0.1:2379` or `https://[fd00::1]:2379`, or returns undefined; the port may be left out. */
export function parseEndpoint(url: string): Endpoint | undefined {
	const parts = /^(https?):\/\/(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?\/?$/.exec(url);
	if (parts === null) return undefined;
	const [, scheme, bracketed, plain = "", portText] = parts;
	const port = portText === undefined ? defaultPort : Number(portText);
	if (port < 1 || port > 65535) return undefined;
	return { secure: scheme === "https", host: bracketed ?? plain, port, url };
}

/** What HTTP calls it in the field Host. */
export function authorityOf({ host, port }: Endpoint): string {
	return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
