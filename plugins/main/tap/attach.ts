import { allocate } from "../../../lib/attachment/allocate.ts";
import { applyInterface } from "../../../lib/attachment/apply-interface.ts";
import { ownerAlias } from "../../../lib/attachment/host-links.ts";
import { openSandbox, type Sandbox } from "../../../lib/attachment/sandbox.ts";
import { refuseSmallMtu } from "../../../lib/attachment/small-mtu.ts";
import { dnsOf } from "../../../lib/cni/common-keys.ts";
import { annotate, CniError, ErrorCode } from "../../../lib/cni/error.ts";
import type { AddRequest } from "../../../lib/cni/plugin.ts";
import type { Result } from "../../../lib/cni/result.ts";
import { findLink, type Link, setLink } from "../../../lib/netlink/link.ts";
import { parseSettings, type TapConfig, type TapSettings } from "./config.ts";
import { createDevice, refuseExistingInterface } from "./create-device.ts";
import { describeTap } from "./description.ts";

/** ADD: allocates addresses, then makes the device, each step with its undo. @throws CniError */
export async function attach(request: AddRequest<TapConfig>): Promise<Result> {
	const { config, ifName, netns, log } = request;
	const settings = parseSettings(request);
	using sandbox = openSandbox(netns);
	refuseExistingInterface(sandbox, ifName);
	const bridge = findBridge(sandbox, settings);
	const allocated = await allocate(request);
	refuseSmallMtu(settings.mtu, allocated);

	const device = log.step("device", () => createDevice(request, { sandbox, settings }));
	log.step("attributes", () => setAttributes(sandbox, { device, settings, bridge, alias: ownerAlias(request) }));
	log.step("interface", () =>
		applyInterface(sandbox, { link: device, description: describeTap(ifName, { settings, result: allocated }) }),
	);
	return {
		interfaces: [{ name: ifName, mac: settings.mac ?? device.mac, sandbox: netns }],
		ips: allocated.ips.map((ip) => ({ ...ip, interface: 0 })),
		routes: allocated.routes,
		dns: dnsOf(config.dns),
	};
}

function findBridge({ socket }: Sandbox, { bridge }: TapSettings): Link | undefined {
	if (bridge === undefined) return undefined;
	const link = annotate(`failed to get bridge ${bridge}`, () => findLink(socket, { name: bridge }));
	if (link !== undefined) return link;
	throw new CniError(ErrorCode.internal, `failed to get bridge ${bridge}: Link not found`, {
		details: 'The bridge of "bridge" has to be in the container\'s namespace, and there before',
	});
}

interface Attributes {
	readonly device: Link;
	readonly settings: TapSettings;
	readonly bridge: Link | undefined;
	/** Says whose it is. */
	readonly alias: string;
}

function setAttributes({ socket }: Sandbox, { device, settings: { mac, mtu }, bridge, alias }: Attributes): void {
	const { name, index } = device;
	const changes = { alias, ...(mac === undefined ? {} : { mac }), ...(mtu === undefined ? {} : { mtu }) };
	annotate(`failed to set MAC and MTU of tap "${name}"`, () => socket.request(setLink({ index }, changes)));
	if (bridge === undefined) return;
	annotate(`failed to set tap ${name} as a port of bridge ${bridge.name}`, () =>
		socket.request(setLink({ index }, { master: bridge.index })),
	);
}
