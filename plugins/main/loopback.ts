import { openSandbox, openSandboxIfPresent } from "../../lib/attachment/sandbox.ts";
import { commonKeys } from "../../lib/cni/common-keys.ts";
import { CniError, ErrorCode } from "../../lib/cni/error.ts";
import type { Plugin } from "../../lib/cni/plugin.ts";
import type { Result } from "../../lib/cni/result.ts";
import { type Infer, object, required } from "../../lib/cni/schema.ts";
import { specVersions } from "../../lib/cni/version.ts";
import { formatAddress, isLoopback } from "../../lib/ip/address.ts";
import { type LinkAddress, listAddresses, ofFamily } from "../../lib/netlink/address.ts";
import { findLink, isNoSuchLink, type Link, setLink } from "../../lib/netlink/link.ts";
import type { NetlinkSocket } from "../../lib/netlink/wire/socket.ts";

const schema = required(object(commonKeys));

/** The interface is the same whatever CNI_IFNAME says. */
const name = "lo";

/** Brings up the loopback interface of a container: `ip link set lo up` in the sandbox. */
export const loopback: Plugin<Infer<typeof schema>> = {
	type: "loopback",
	versions: specVersions,
	schema,

	add({ netns, prevResult }) {
		using sandbox = openSandbox(netns);
		const lo = findLoopback(sandbox.socket);
		listLoopbackAddresses(sandbox.socket, lo);
		sandbox.socket.request(setLink({ index: lo.index }, { up: true }));
		return prevResult ?? describe(listLoopbackAddresses(sandbox.socket, lo), netns);
	},

	check({ netns }) {
		using sandbox = openSandbox(netns);
		const lo = findLoopback(sandbox.socket);
		if (!lo.up) {
			throw new CniError(ErrorCode.internal, "loopback interface is down", {
				details: `Bring it up with: nsenter --net=${netns} ip link set lo up`,
			});
		}
		listLoopbackAddresses(sandbox.socket, lo);
	},

	del({ netns, log }) {
		using sandbox = openSandboxIfPresent(netns, log);
		if (sandbox === undefined) return;
		try {
			sandbox.socket.request(setLink({ name }, { up: false }));
		} catch (thrown) {
			if (!isNoSuchLink(thrown)) throw thrown;
		}
	},

	/** The interface belongs to its namespace and ends with it. */
	gc() {},

	/** Every kernel with network namespaces has loopback. */
	status() {},
};

function findLoopback(socket: NetlinkSocket): Link {
	const lo = findLink(socket, { name });
	if (lo !== undefined) return lo;
	throw new CniError(ErrorCode.internal, `failed to lookup "${name}": Link not found`, {
		details: "Every network namespace has a loopback interface until it is renamed",
	});
}

/** Something else than 127.0.0.0/8 or ::1 on loopback would be reachable by this container alone. */
function listLoopbackAddresses(socket: NetlinkSocket, { index }: Link): readonly LinkAddress[] {
	const addresses = listAddresses(socket, index);
	const foreign = addresses.find(({ prefix }) => !isLoopback(prefix.address));
	if (foreign === undefined) return addresses;
	throw new CniError(
		ErrorCode.internal,
		`loopback interface found with non-loopback address "${formatAddress(foreign.prefix.address)}"`,
		{ details: `Remove it with: ip address del ${formatAddress(foreign.prefix.address)} dev ${name}` },
	);
}

function describe(addresses: readonly LinkAddress[], sandbox: string): Result {
	const first = [ofFamily(addresses, 4)[0], ofFamily(addresses, 6)[0]];
	return {
		interfaces: [{ name, mac: "00:00:00:00:00:00", sandbox }],
		ips: first.flatMap((found) => (found === undefined ? [] : [{ interface: 0, address: found.prefix }])),
		routes: [],
		dns: {},
	};
}
