import { describe, expect, it } from "@jest/globals";
import { gatewayRoutes, sourceRouteText } from "../../../lib/attachment/gateway-routes.ts";
import { type IpAddress, type IpPrefix, parseAddress, parsePrefix } from "../../../lib/ip/address.ts";

function ip(address: string, gateway?: string) {
	return {
		address: parsePrefix(address) as IpPrefix,
		...(gateway === undefined ? {} : { gateway: parseAddress(gateway) as IpAddress }),
	};
}

const texts = (...ips: readonly ReturnType<typeof ip>[]) => {
	const { gateways, networks } = gatewayRoutes(ips);
	return { gateways: gateways.map(sourceRouteText), networks: networks.map(sourceRouteText) };
};

describe("gatewayRoutes", () => {
	it("leads to each gateway, and to each network by way of it", () => {
		expect(texts(ip("10.1.2.3/24", "10.1.2.1"), ip("fd00::3/64", "fd00::1"))).toEqual({
			gateways: ["10.1.2.1/32 src 10.1.2.3", "fd00::1/128 src fd00::3"],
			networks: ["10.1.2.0/24 via 10.1.2.1 src 10.1.2.3", "fd00::/64 via fd00::1 src fd00::3"],
		});
	});

	it("leads to a destination once, from the first address", () => {
		expect(texts(ip("10.1.2.3/24", "10.1.2.1"), ip("10.1.2.4/24", "10.1.2.1"), ip("10.1.3.4/24", "10.1.2.1"))).toEqual({
			gateways: ["10.1.2.1/32 src 10.1.2.3"],
			networks: ["10.1.2.0/24 via 10.1.2.1 src 10.1.2.3", "10.1.3.0/24 via 10.1.2.1 src 10.1.3.4"],
		});
	});

	it("leads to no network for a single host", () => {
		expect(texts(ip("10.1.2.3/32", "169.254.1.1")).networks).toEqual([]);
	});

	it.each([
		["no gateway", ip("10.1.2.3/24")],
		["one of the other family", ip("10.1.2.3/24", "fd00::1")],
	])("refuses an address with %s", (_title, address) => {
		expect(() => gatewayRoutes([address])).toThrow("IPAM plugin returned no gateway for 10.1.2.3/24");
	});
});
