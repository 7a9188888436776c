import { type IpAddress, parseAddress } from "../../ip/address.ts";
import { unlessAbsent } from "../../linux/absent.ts";
import { errnoOf } from "../../linux/errno.ts";
import { readText } from "../../linux/files.ts";
import { AttemptError } from "../attempt-error.ts";
import { hostsNamed, parseResolver } from "./files.ts";
import { queryName } from "./query-name.ts";

/**
 * The addresses of a host, at least one: a literal address, else those of /etc/hosts, else what the name servers of
 * /etc/resolv.conf say. `getent ahosts NAME`, without what else nsswitch.conf may name.
 *
 * @throws AttemptError when there is none, or `deadline` passes
 */
export function resolveHost(host: string, deadline: number): readonly IpAddress[] {
	const literal = parseAddress(host);
	if (literal !== undefined) return [literal];
	const listed = hostsNamed(host, textOf("/etc/hosts"));
	if (listed.length > 0) return listed;
	const { servers, search } = parseResolver(textOf("/etc/resolv.conf"));
	const isComplete = host.includes(".");
	const names = host.endsWith(".")
		? [host]
		: isComplete
			? [host, ...search.map((domain) => `${host}.${domain}`)]
			: [...search.map((domain) => `${host}.${domain}`), host];
	for (const name of names) {
		const addresses = ask(name, { servers, deadline });
		if (addresses.length > 0) return addresses;
	}
	throw new AttemptError(`no address is known for the host "${host}"`, { sent: false });
}

/** Of the first server that answers. */
function ask(name: string, { servers, deadline }: { servers: readonly IpAddress[]; deadline: number }) {
	for (const [tried, server] of servers.entries()) {
		const now = performance.now();
		const share = now + (deadline - now) / (servers.length + 1 - tried);
		try {
			return queryName(name, { server, deadline: share });
		} catch (thrown) {
			if (errnoOf(thrown) === 0) throw thrown;
		}
	}
	throw new AttemptError(`no name server answers for the host "${name}"`, { sent: false });
}

function textOf(path: string): string {
	return unlessAbsent(() => readText(path)) ?? "";
}
