import { CniError, ErrorCode } from "../cni/error.ts";
import type { Rollback } from "../cni/plugin.ts";
import { Errno } from "../linux/errno.ts";
import { writeSysctl } from "../linux/sysctl.ts";
import { findLink, type Link, setLink } from "../netlink/link.ts";
import { openRouteSocket } from "../netlink/rtnetlink.ts";
import { addVeth } from "../netlink/veth.ts";
import type { NetlinkSocket } from "../netlink/wire/socket.ts";
import { removeLink } from "./host-links.ts";
import type { InterfaceDescription } from "./interface.ts";
import type { Sandbox } from "./sandbox.ts";
import { randomVethName } from "./veth-name.ts";

export interface VethPair {
	/** The end in the host's namespace. */
	readonly port: Link;
	readonly container: Link;
}

export interface NewPair {
	readonly sandbox: Sandbox;
	readonly container: Pick<InterfaceDescription, "name" | "mac">;
	readonly port: {
		/** `ownerAlias`: DEL and GC find the owner by it. */
		readonly alias: string;
		/** Index of the bridge that it is a port of. */
		readonly master?: number | undefined;
		readonly mac?: string | undefined;
	};
	/** Bytes, of both ends; absent for the kernel's default. */
	readonly mtu: number | undefined;
	readonly rollback: Rollback;
}

/** Names tried before giving up: one in four thousand million is taken. */
const nameAttempts = 10;

/**
 * Creates the pair: the container's end born in the sandbox and still down, the host's end up and tagged with its owner.
 * `ip link add NAME up mtu MTU master BRIDGE type veth peer name CONTAINER netns NS`.
 *
 * @throws CniError
 */
export function createVethPair(host: NetlinkSocket, { sandbox, container, port, mtu, rollback }: NewPair): VethPair {
	for (let attempt = 1; ; attempt++) {
		const name = randomVethName();
		rollback.push(`veth "${name}"`, () => removeOwn({ name, alias: port.alias }));
		// In one system call: a killed ADD leaves no link without an owner.
		const [vethError, aliasError] = host.requestAll([
			addVeth({
				name,
				up: true,
				mac: port.mac,
				master: port.master,
				mtu,
				peer: { name: container.name, namespaceFd: sandbox.namespace.fd, mtu, mac: container.mac },
			}),
			setLink({ name }, { alias: port.alias }),
		]);
		if (vethError?.errno === Errno.EEXIST) {
			refuseExistingInterface(sandbox, container.name);
			if (attempt < nameAttempts) continue;
			throw failed("failed to find a unique veth name");
		}
		if (vethError !== undefined) throw failed(`failed to make veth pair: ${vethError.message}`);
		if (aliasError !== undefined) {
			removeLink(host, { name });
			throw failed(`failed to name the owner of "${name}": ${aliasError.message}`);
		}
		ignoreRouterAdvertisements(name);
		return { port: lookUp(host, name), container: lookUp(sandbox.socket, container.name) };
	}
}

/** Refused before anything is done for the attachment. @throws CniError */
export function refuseExistingInterface(sandbox: Sandbox, ifName: string): void {
	if (findLink(sandbox.socket, { name: ifName }) === undefined) return;
	throw failed(
		`container veth name ("${ifName}") peer provided ("${randomVethName()}") already exists`,
		`The container has an interface "${ifName}" already: DEL it first, or choose another CNI_IFNAME`,
	);
}

/** The host must not take addresses and routes from a container that plays router. */
export function ignoreRouterAdvertisements(linkName: string): void {
	try {
		writeSysctl(`net/ipv6/conf/${linkName}/accept_ra`, "0");
	} catch {
		// A kernel without IPv6 has nothing to ignore.
	}
}

function removeOwn({ name, alias }: { name: string; alias: string }): void {
	// That of the ADD may be closed by then.
	using socket = openRouteSocket();
	// Not by its owner alone: a faster ADD of the same attachment may have made a pair of its own.
	if (findLink(socket, { name })?.alias === alias) removeLink(socket, { name });
}

function lookUp(socket: NetlinkSocket, name: string): Link {
	const link = findLink(socket, { name });
	if (link === undefined) throw failed(`failed to lookup "${name}": Link not found`);
	return link;
}

function failed(message: string, details = ""): CniError {
	return new CniError(ErrorCode.internal, message, { details });
}
