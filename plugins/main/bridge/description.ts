import { describeInterface } from "../../../lib/attachment/describe-interface.ts";
import { ownerAlias } from "../../../lib/attachment/host-links.ts";
import type { InterfaceDescription } from "../../../lib/attachment/interface.ts";
import type { AttachmentRequest } from "../../../lib/cni/plugin.ts";
import type { Result } from "../../../lib/cni/result.ts";
import type { MasqueradeBackendName } from "../../../lib/firewall/masquerade-choice.ts";
import type { Family, IpPrefix } from "../../../lib/ip/address.ts";
import type { BridgePort } from "../../../lib/netlink/bridge.ts";
import type { PortVlan } from "../../../lib/netlink/bridge-vlan.ts";
import { type BridgeConfig, type BridgeSettings, vlanGatewayName } from "./config.ts";

/** Everything that shall be there for one attachment to a bridge network. ADD applies it, CHECK verifies it. */
export interface BridgeDescription {
	readonly bridge: {
		readonly name: string;
		readonly promiscuous: boolean;
		readonly vlanFiltering: boolean;
		/** Addresses of the bridge as gateway. */
		readonly gateways: readonly IpPrefix[];
	};
	/** The interface that is the gateway of a VLAN, instead of the bridge itself. */
	readonly vlanGateway:
		| { readonly name: string; readonly vlan: number; readonly gateways: readonly IpPrefix[] }
		| undefined;
	/** The host's end of the veth pair. */
	readonly port: BridgePort & {
		/** Of the link; GC finds the owner by it. */
		readonly alias: string;
		readonly mtu: number | undefined;
		readonly vlans: readonly PortVlan[] | undefined;
		/** Whether VLANs beside `vlans` may stay on the port. */
		readonly preserveVlans: boolean;
	};
	readonly container: InterfaceDescription;
	/** Families that the host forwards. */
	readonly forwarding: readonly Family[];
	readonly masquerade: { readonly backend: MasqueradeBackendName; readonly addresses: readonly IpPrefix[] } | undefined;
	readonly macSpoofCheck: boolean;
}

/** The description that belongs to the settings and to the addresses and routes of `result`. */
export function describeBridge(
	request: AttachmentRequest<BridgeConfig>,
	{ settings, result }: { settings: BridgeSettings; result: Result },
): BridgeDescription {
	const { bridge, vlan, isGateway, masquerade } = settings;
	const addresses = result.ips.map(({ address }) => address);
	const gateways = isGateway ? gatewaysOf(result) : [];
	const inVlan = vlan !== 0 && gateways.length > 0;
	return {
		bridge: {
			name: bridge,
			promiscuous: settings.promiscuous,
			vlanFiltering: settings.vlanFiltering,
			gateways: inVlan ? [] : gateways,
		},
		vlanGateway: inVlan ? { name: vlanGatewayName(settings), vlan, gateways } : undefined,
		port: {
			alias: ownerAlias(request),
			hairpin: settings.hairpin,
			isolated: settings.isolated,
			mtu: settings.mtu,
			vlans: settings.portVlans,
			preserveVlans: settings.preserveDefaultVlan,
		},
		container: describeInterface(
			{
				name: request.ifName,
				kind: "veth",
				mac: settings.mac,
				mtu: settings.mtu,
				up: settings.containerUp,
				detectDuplicates: settings.detectDuplicates,
			},
			result,
		),
		forwarding: ([4, 6] as const).filter((family) => gateways.some(({ address }) => address.family === family)),
		masquerade: masquerade === undefined ? undefined : { backend: masquerade, addresses },
		macSpoofCheck: settings.macSpoofCheck,
	};
}

/** The gateway of each address with the address's prefix length: IPv4 first, each once. */
function gatewaysOf({ ips }: Result): readonly IpPrefix[] {
	const gateways = new Map<string, IpPrefix>();
	for (const family of [4, 6] as const) {
		for (const { address, gateway } of ips) {
			if (gateway?.family !== family) continue;
			gateways.set(`${family} ${gateway.value}/${address.length}`, { address: gateway, length: address.length });
		}
	}
	return [...gateways.values()];
}
