import { type Endpoint, parseInternetEndpoint } from "../http/endpoint.ts";

/** Where a member of etcd, or a proxy to it, listens for clients. */
export type { Endpoint };

const defaultPort = 2379;

/** Parses `http://10.0.0.1:2379`, `https://[fd00::1]` or `unix:///run/etcd.sock`, or returns undefined. */
export function parseEndpoint(url: string): Endpoint | undefined {
	const path = /^unix:\/\/(\/[^\0]{1,106})$/.exec(url)?.[1];
	if (path !== undefined) return { kind: "socket", path, url };
	return parseInternetEndpoint(url, defaultPort);
}
