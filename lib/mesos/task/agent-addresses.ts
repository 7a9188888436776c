import { networkInterfaces } from "node:os";
import type { IpAddressMessage } from "../network-info-message.ts";

/** The first address of this host, which an agent takes for its own; none on a host without a network. */
export function agentAddresses(): readonly IpAddressMessage[] {
	const address = Object.values(networkInterfaces())
		.flatMap((addresses) => addresses ?? [])
		.find(({ internal, family }) => !internal && family === "IPv4")?.address;
	return address === undefined ? [] : [{ protocol: "IPv4", ip_address: address }];
}
