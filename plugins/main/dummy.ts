import { allocate } from "../../lib/attachment/allocate.ts";
import { applyInterface } from "../../lib/attachment/apply-interface.ts";
import { describeInterface } from "../../lib/attachment/describe-interface.ts";
import { ownerAlias } from "../../lib/attachment/host-links.ts";
import { ownPart } from "../../lib/attachment/own-part.ts";
import { removeInterface } from "../../lib/attachment/remove-interface.ts";
import { openSandbox, type Sandbox } from "../../lib/attachment/sandbox.ts";
import { verifyInterface } from "../../lib/attachment/verify-interface.ts";
import { commonKeys } from "../../lib/cni/common-keys.ts";
import { CniError, ErrorCode, messageOf } from "../../lib/cni/error.ts";
import type { Ipam } from "../../lib/cni/ipam.ts";
import type { AddRequest, Plugin } from "../../lib/cni/plugin.ts";
import type { Result } from "../../lib/cni/result.ts";
import { type Infer, object, required } from "../../lib/cni/schema.ts";
import { createTeardown } from "../../lib/cni/teardown.ts";
import { specVersions } from "../../lib/cni/version.ts";
import { Errno, errnoOf } from "../../lib/linux/errno.ts";
import { addDummy, probeDummy } from "../../lib/netlink/dummy.ts";
import { findLink, type Link, setLink } from "../../lib/netlink/link.ts";
import { openRouteSocket } from "../../lib/netlink/rtnetlink.ts";

const schema = required(object(commonKeys));

/** Gives a container an interface with addresses that leads nowhere. docs/plugins/dummy.md */
export const dummy: Plugin<Infer<typeof schema>> = {
	type: "dummy",
	versions: specVersions,
	schema,
	add: attach,

	async check(request) {
		const ipam = requireIpam(request);
		const { entry, result } = ownPart(request, "dummy: Required prevResult missing");
		await ipam.check();
		using sandbox = openSandbox(request.netns);
		verifyInterface(sandbox, { ...describe(request.ifName, result), mac: entry.mac });
	},

	async del(request) {
		const { ipam, log } = request;
		const teardown = createTeardown(log);
		await teardown.step("link", () => {
			removeInterface(request, "dummy");
		});
		await teardown.step("ipam", () => ipam?.del());
		teardown.finish();
	},

	/** The interface ends with its namespace. */
	async gc({ ipam }) {
		await ipam?.gc();
	},

	async status(request) {
		const ipam = requireIpam(request);
		using socket = openRouteSocket();
		const [error] = socket.requestAll([probeDummy()]);
		if (error?.errno === Errno.EOPNOTSUPP) {
			const message = "The kernel has no dummy interfaces";
			throw new CniError(ErrorCode.pluginNotAvailable, message, { details: driverHelp, cause: error });
		}
		await ipam.status();
	},
};

async function attach(request: AddRequest<Infer<typeof schema>>): Promise<Result> {
	const { ifName, netns, log } = request;
	requireIpam(request);
	using sandbox = openSandbox(netns);
	if (findLink(sandbox.socket, { name: ifName }) !== undefined) throw alreadyExists(ifName);
	const allocated = await allocate(request);
	const link = log.step("link", () => create(request, sandbox));
	log.step("interface", () => applyInterface(sandbox, { link, description: describe(ifName, allocated) }));
	return {
		interfaces: [{ name: ifName, mac: link.mac, sandbox: netns }],
		ips: allocated.ips.map((ip) => ({ ...ip, interface: 0 })),
		routes: allocated.routes,
		dns: allocated.dns,
	};
}

/** Nobody hears an announcement on it. */
function describe(name: string, result: Result) {
	return describeInterface({ name, kind: "dummy", announced: false }, result);
}

function requireIpam({ ipam }: { ipam: Ipam | undefined }): Ipam {
	if (ipam !== undefined) return ipam;
	throw new CniError(ErrorCode.invalidNetworkConfig, "dummy interface requires an IPAM configuration", {
		details: 'Its addresses are all that it has: "ipam": {"type": "static", "addresses": […]}',
	});
}

function create(request: AddRequest<unknown>, { socket }: Sandbox): Link {
	const { ifName, rollback } = request;
	try {
		socket.request(addDummy({ name: ifName }));
	} catch (thrown) {
		if (errnoOf(thrown) === Errno.EEXIST) throw alreadyExists(ifName);
		const details = errnoOf(thrown) === Errno.EOPNOTSUPP ? driverHelp : "";
		const message = `failed to create dummy: ${messageOf(thrown)}`;
		throw new CniError(ErrorCode.internal, message, { details, cause: thrown });
	}
	rollback.push(`dummy "${ifName}"`, () => {
		removeInterface(request, "dummy");
	});
	const link = findLink(socket, { name: ifName });
	if (link === undefined) throw new CniError(ErrorCode.internal, `failed to fetch dummy "${ifName}": Link not found`);
	// Not together with its creation: that may be refused because somebody else's has the name.
	socket.request(setLink(link, { alias: ownerAlias(request) }));
	return link;
}

const driverHelp = "The kernel has no such interfaces: load the module with `modprobe dummy`";

function alreadyExists(ifName: string): CniError {
	return new CniError(ErrorCode.internal, "failed to create dummy: file exists", {
		details: `The container has an interface "${ifName}" already: DEL it first, or choose another CNI_IFNAME`,
	});
}
