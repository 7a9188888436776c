import { type InternetEndpoint, parseInternetEndpoint } from "../../http/endpoint.ts";

/** Where a master listens, unless its URL says otherwise. */
export const defaultPort = 5050;

/**
 * The master that a redirection leads to: masters write `//10.0.0.6:5050/api/v1`, which is by the scheme of the one who says
 * so. Undefined for what leads to none, or from TLS to none.
 */
export function redirectTarget(location: string, from: InternetEndpoint): InternetEndpoint | undefined {
	const [, scheme, authority] = /^(?:(https?):)?\/\/([^/?#]+)/i.exec(location) ?? [];
	if (authority === undefined) return undefined;
	const own = from.secure ? "https" : "http";
	const target = parseInternetEndpoint(`${scheme?.toLowerCase() ?? own}://${authority}`, defaultPort);
	return from.secure && target?.secure === false ? undefined : target;
}
