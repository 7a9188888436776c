import { CniError, ErrorCode } from "../cni/error.ts";
import type { Log } from "../cni/log.ts";
import { NamespaceError, type NetworkNamespace, openNamespace } from "../linux/netns.ts";
import { openRouteSocket } from "../netlink/rtnetlink.ts";
import type { NetlinkSocket } from "../netlink/wire/socket.ts";

/** A container's network namespace, and a socket for what is in it. */
export interface Sandbox extends Disposable {
	readonly namespace: NetworkNamespace;
	readonly socket: NetlinkSocket;
}

/** Opens the namespace at CNI_NETNS. @throws CniError code 8 */
export function openSandbox(path: string): Sandbox {
	try {
		return open(path);
	} catch (thrown) {
		if (!(thrown instanceof NamespaceError)) throw thrown;
		throw new CniError(ErrorCode.invalidNetns, `failed to open netns "${path}": ${thrown.message}`, {
			details: "CNI_NETNS must name a network namespace, such as /run/netns/NAME or /proc/PID/ns/net",
			cause: thrown,
		});
	}
}

/**
 * For DEL: undefined when the namespace is gone, with all that was in it. That is also so when the path is there but is
 * no namespace: a bind mount leaves its empty file behind.
 */
export function openSandboxIfPresent(path: string, log: Pick<Log, "warn">): Sandbox | undefined {
	if (path === "") return undefined;
	try {
		return open(path);
	} catch (thrown) {
		if (!(thrown instanceof NamespaceError)) throw thrown;
		if (!thrown.missing) log.warn(`Taken as gone: netns "${path}": ${thrown.message}`);
		return undefined;
	}
}

function open(path: string): Sandbox {
	const namespace = openNamespace(path);
	try {
		const socket = namespace.run(openRouteSocket);
		return {
			namespace,
			socket,
			[Symbol.dispose]() {
				socket[Symbol.dispose]();
				namespace[Symbol.dispose]();
			},
		};
	} catch (thrown) {
		namespace[Symbol.dispose]();
		throw thrown;
	}
}
