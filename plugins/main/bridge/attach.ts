import { allocate, allocateEarly } from "../../../lib/attachment/allocate.ts";
import { announce } from "../../../lib/attachment/announce.ts";
import { applyInterface } from "../../../lib/attachment/apply-interface.ts";
import { chooseDns } from "../../../lib/attachment/choose-dns.ts";
import { openSandbox, type Sandbox } from "../../../lib/attachment/sandbox.ts";
import { waitForDuplicateDetection, waitUntilUp } from "../../../lib/attachment/settle.ts";
import { createVethPair, refuseExistingInterface, type VethPair } from "../../../lib/attachment/veth-pair.ts";
import type { AddRequest } from "../../../lib/cni/plugin.ts";
import { emptyResult, type Result } from "../../../lib/cni/result.ts";
import { applyMasquerade, removeMasquerade } from "../../../lib/firewall/masquerade.ts";
import { applySpoofCheck, removeSpoofCheck } from "../../../lib/firewall/spoof-check.ts";
import { enableForwarding } from "../../../lib/linux/forwarding.ts";
import { type Link, setLink } from "../../../lib/netlink/link.ts";
import { replaceNeighbour } from "../../../lib/netlink/neighbour.ts";
import { openRouteSocket } from "../../../lib/netlink/rtnetlink.ts";
import type { NetlinkSocket } from "../../../lib/netlink/wire/socket.ts";
import { ensureBridge, ensureGatewayAddresses, keepBridgeMac } from "./bridge-device.ts";
import { type BridgeConfig, type BridgeSettings, parseSettings } from "./config.ts";
import { type BridgeDescription, describeBridge } from "./description.ts";
import { planResult } from "./plan-result.ts";
import { configurePort } from "./port.ts";
import { randomPortMac } from "./port-mac.ts";
import { ensureVlanGateway } from "./vlan-gateway.ts";

type Request = AddRequest<BridgeConfig>;

/** One ADD under way: where it works, and what it has to bring about. */
interface Work {
	readonly request: Request;
	readonly settings: BridgeSettings;
	readonly description: BridgeDescription;
	readonly sandbox: Sandbox;
	readonly host: NetlinkSocket;
}

/** ADD: allocates addresses, and makes everything that the description says, each step with its undo. */
export async function attach(request: Request): Promise<Result> {
	const settings = parseSettings(request);
	const sandbox = request.shared(openSandbox, request.netns);
	refuseExistingInterface(sandbox, request.ifName);
	const host = request.shared(openRouteSocket);
	const { log } = request;
	const plan = (allocation: Result) => {
		const allocated = planResult(settings, allocation);
		const description = describeBridge(request, { settings, result: allocated });
		return { allocated, work: { request, settings, description, sandbox, host } satisfies Work };
	};
	const early = await allocateEarly(request);
	const before = plan(early ?? emptyResult);

	const { bridge } = before.work.description;
	const found = log.step("bridge", () => ensureBridge(host, { bridge, mtu: settings.mtu }));
	const pair = log.step("veth", () => connect(before.work, found));
	const device = keepBridgeMac(host, found);
	log.step("spoof check", () => guard(before.work, pair));
	if (early === undefined) log.step("up", () => bringUp(before.work, pair));
	const { allocated, work } = early === undefined ? plan(await allocate(request)) : before;
	const { description } = work;
	log.step("interface", () => applyInterface(sandbox, { link: pair.container, description: description.container }));
	const { networkGateways } = allocated;
	const vlanGateway = log.step("gateway", () => becomeGateway(work, { bridge: device, networkGateways }));
	log.step("masquerade", () => masquerade(work));
	log.step("announce", () => introduce(work, { pair, gateway: vlanGateway ?? device }));
	return resultOf(request, { allocated, device, pair, vlanGateway });
}

function connect({ request, settings, description, sandbox, host }: Work, bridge: Link): VethPair {
	const { container, port } = description;
	const pair = createVethPair(host, {
		sandbox,
		container,
		port: { alias: port.alias, master: bridge.index, mac: randomPortMac() },
		mtu: settings.mtu,
		rollback: request.rollback,
	});
	configurePort(host, { link: pair.port, wanted: port });
	return pair;
}

/** For an IPAM plugin that speaks through the interface. */
function bringUp({ sandbox, host }: Work, { port, container }: VethPair): void {
	sandbox.socket.request(setLink({ index: container.index }, { up: true }));
	waitUntilUp(host, port);
	waitUntilUp(sandbox.socket, container);
}

/** Before the container's interface comes up, so that there is no moment in which it could send a false address. */
function guard({ request, description }: Work, { port, container }: VethPair): void {
	if (!description.macSpoofCheck) return;
	request.rollback.push("spoof check", () => removeSpoofCheck(request));
	applySpoofCheck({ ...request, hostIfName: port.name, mac: container.mac });
}

/** Gives the bridge, or the gateway interface of the VLAN, the gateways' addresses, and lets the host forward. */
function becomeGateway(
	{ description, settings, host }: Work,
	{ bridge, networkGateways }: { bridge: Link; networkGateways: Result["networkGateways"] },
): Link | undefined {
	const { vlanGateway } = description;
	const vlanLink =
		vlanGateway === undefined
			? undefined
			: ensureVlanGateway(host, { bridge, ...vlanGateway, preserveVlans: settings.preserveDefaultVlan });
	const gateways = vlanGateway?.gateways ?? description.bridge.gateways;
	const { forceAddress, detectDuplicates } = settings;
	if (gateways.length > 0) {
		const link = vlanLink ?? bridge;
		ensureGatewayAddresses(host, { link, gateways, networkGateways, forceAddress, detectDuplicates });
	}
	for (const family of description.forwarding) enableForwarding(family);
	return vlanLink;
}

function masquerade({ request, description }: Work): void {
	if (description.masquerade === undefined) return;
	const options = { ...description.masquerade, shared: request.shared };
	request.rollback.push("masquerade", () => removeMasquerade(request, options));
	applyMasquerade(request, options);
}

/**
 * Waits until the container can send, then corrects what others remember of its addresses' former owners: the host at
 * once, the neighbours on the bridge by announcement.
 */
function introduce({ description, sandbox, host }: Work, { pair, gateway }: { pair: VethPair; gateway: Link }): void {
	const { up, addresses, detectDuplicates } = description.container;
	if (!up) return;
	waitUntilUp(host, pair.port);
	waitUntilUp(sandbox.socket, pair.container);
	if (addresses.length === 0) return;
	if (detectDuplicates) waitForDuplicateDetection(sandbox.socket, pair.container);
	if (description.forwarding.length > 0) {
		host.requestAll(
			addresses.map(({ address }) => replaceNeighbour({ linkIndex: gateway.index, address, mac: pair.container.mac })),
		);
	}
	announce(sandbox.socket, pair.container);
}

interface Outcome {
	readonly allocated: Result;
	readonly device: Link;
	readonly pair: VethPair;
	readonly vlanGateway: Link | undefined;
}

function resultOf({ netns, config }: Request, { allocated, device, pair, vlanGateway }: Outcome): Result {
	return {
		interfaces: [
			{ name: device.name, mac: device.mac },
			{ name: pair.port.name, mac: pair.port.mac },
			{ name: pair.container.name, mac: pair.container.mac, sandbox: netns },
			...(vlanGateway === undefined ? [] : [{ name: vlanGateway.name, mac: vlanGateway.mac }]),
		],
		ips: allocated.ips.map((ip) => ({ ...ip, interface: containerIndex })),
		routes: allocated.routes,
		dns: chooseDns(config, allocated.dns),
	};
}

/** Of the container among the result's interfaces. */
const containerIndex = 2;
