import { allocate, allocateEarly, allocateThrough } from "../../../lib/attachment/allocate.ts";
import { announcementSysctls } from "../../../lib/attachment/announce.ts";
import { applyInterface } from "../../../lib/attachment/apply-interface.ts";
import { type InterfaceDescription, ipv6Sysctls, resolveRoutes } from "../../../lib/attachment/interface.ts";
import { openSandbox, type Sandbox } from "../../../lib/attachment/sandbox.ts";
import { dnsOf } from "../../../lib/cni/common-keys.ts";
import { CniError, ErrorCode } from "../../../lib/cni/error.ts";
import type { AddRequest } from "../../../lib/cni/plugin.ts";
import type { Result, ResultInterface } from "../../../lib/cni/result.ts";
import { findLink, type Link } from "../../../lib/netlink/link.ts";
import { openRouteSocket } from "../../../lib/netlink/rtnetlink.ts";
import { identifySandbox } from "../../../lib/state/sandbox-identity.ts";
import { type HostDeviceConfig, parseSettings } from "./config.ts";
import { bringHome } from "./detach.ts";
import { findDevice, isDpdk } from "./find-device.ts";
import { moveIn } from "./move.ts";
import { recordsOf } from "./records.ts";

type Request = AddRequest<HostDeviceConfig>;

/** ADD: finds the device, allocates addresses, moves the device and configures it, each step with its undo. */
export async function attach(request: Request): Promise<Result> {
	const settings = parseSettings(request.config);
	const { netns, ifName } = request;
	using sandbox = openSandbox(netns);
	if (isDpdk(settings))
		return resultOf(request, { own: { name: ifName, sandbox: netns }, allocated: await allocate(request) });
	refuseExistingInterface(sandbox, ifName);
	using host = openRouteSocket();
	const device = findDevice(host, settings.selector);
	const early = await allocateEarly(request);
	keep(request, device);
	const link = request.log.step("device", () => moveIn(host, { sandbox, device, ifName }));
	const allocated = early ?? (await allocateThrough(request, { sandbox, link }));
	request.log.step("interface", () =>
		applyInterface(sandbox, { link, description: describeInterface(ifName, allocated) }),
	);
	return resultOf(request, { own: { name: ifName, mac: link.mac, sandbox: netns }, allocated });
}

/** What the device shall be in the container. ADD applies it, CHECK verifies it. */
export function describeInterface(name: string, { ips, routes }: Result): InterfaceDescription {
	const addresses = ips.map(({ address }) => address);
	return {
		name,
		up: true,
		addresses,
		routes: resolveRoutes(routes, ips),
		// IPAM guarantees that nobody else has them.
		detectDuplicates: false,
		sysctls: addresses.length === 0 ? [] : [...announcementSysctls(name), ...ipv6Sysctls(name, addresses)],
	};
}

function keep(request: Request, device: Link): void {
	const { containerId, ifName, netns } = request;
	const records = recordsOf(request);
	const { name, mac, up } = device;
	const record = { containerId, ifName, sandbox: identifySandbox(netns), device: name, mac, up };
	request.rollback.push(`device "${name}"`, () => {
		bringHome(record, request.log);
		records.remove(request);
	});
	records.write(record);
}

function refuseExistingInterface(sandbox: Sandbox, ifName: string): void {
	if (findLink(sandbox.socket, { name: ifName }) === undefined) return;
	throw new CniError(ErrorCode.internal, `failed to rename host device to "${ifName}": file exists`, {
		details: `The container has an interface "${ifName}" already: DEL it first, or choose another CNI_IFNAME`,
	});
}

function resultOf({ config, ipam }: Request, { own, allocated }: { own: ResultInterface; allocated: Result }): Result {
	return {
		interfaces: [own],
		ips: allocated.ips.map((ip) => ({ ...ip, interface: 0 })),
		routes: allocated.routes,
		dns: ipam === undefined ? {} : dnsOf(config.dns),
	};
}
