import { describeInterface } from "../../../lib/attachment/describe-interface.ts";
import { gatewayRoutes, requireGateway } from "../../../lib/attachment/gateway-routes.ts";
import { ownerAlias } from "../../../lib/attachment/host-links.ts";
import type { InterfaceDescription } from "../../../lib/attachment/interface.ts";
import type { AttachmentRequest } from "../../../lib/cni/plugin.ts";
import type { Result } from "../../../lib/cni/result.ts";
import type { MasqueradeBackendName } from "../../../lib/firewall/masquerade-choice.ts";
import { type Family, hostPrefix, type IpPrefix, samePrefix } from "../../../lib/ip/address.ts";
import type { PtpConfig, PtpSettings } from "./config.ts";

/** Everything that shall be there for one attachment to a ptp network. ADD applies it, CHECK verifies it. */
export interface PtpDescription {
	readonly container: InterfaceDescription;
	/** The host's end of the pair. */
	readonly host: {
		/** Of the link; GC finds the owner by it. */
		readonly alias: string;
		readonly mtu: number | undefined;
		/** The gateways, which every container of the network has for itself: single hosts. */
		readonly addresses: readonly IpPrefix[];
		/** To the container's addresses alone. */
		readonly routes: readonly IpPrefix[];
	};
	/** Families that the host forwards. */
	readonly forwarding: readonly Family[];
	readonly masquerade: { readonly backend: MasqueradeBackendName; readonly addresses: readonly IpPrefix[] } | undefined;
}

/** The description that belongs to the settings and to the addresses and routes of `result`. @throws CniError */
export function describePtp(
	request: AttachmentRequest<PtpConfig>,
	{ settings: { mtu, masquerade }, result }: { settings: PtpSettings; result: Result },
): PtpDescription {
	const { ips } = result;
	const addresses = ips.map(({ address }) => address);
	return {
		container: {
			...describeInterface({ name: request.ifName, kind: "veth", mtu }, result),
			gatewayRoutes: gatewayRoutes(ips),
		},
		host: {
			alias: ownerAlias(request),
			mtu,
			addresses: distinct(ips.map((ip) => hostPrefix(requireGateway(ip)))),
			routes: distinct(addresses.map(({ address }) => hostPrefix(address))),
		},
		forwarding: ([4, 6] as const).filter((family) => addresses.some(({ address }) => address.family === family)),
		masquerade: masquerade === undefined ? undefined : { backend: masquerade, addresses },
	};
}

function distinct(prefixes: readonly IpPrefix[]): readonly IpPrefix[] {
	return prefixes.filter((prefix, index) => prefixes.findIndex((other) => samePrefix(prefix, other)) === index);
}
