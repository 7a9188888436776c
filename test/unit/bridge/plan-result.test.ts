import { describe, expect, it } from "@jest/globals";
import { emptyResult, type Result } from "../../../lib/cni/result.ts";
import { formatAddress, formatPrefix, type IpPrefix, parseAddress, parsePrefix } from "../../../lib/ip/address.ts";
import type { BridgeSettings } from "../../../plugins/main/bridge/config.ts";
import { planResult } from "../../../plugins/main/bridge/plan-result.ts";

const plain: BridgeSettings = {
	bridge: "br0",
	isGateway: false,
	isDefaultGateway: false,
	forceAddress: false,
	masquerade: undefined,
	mtu: undefined,
	hairpin: false,
	promiscuous: false,
	vlan: 0,
	portVlans: undefined,
	vlanFiltering: false,
	preserveDefaultVlan: false,
	macSpoofCheck: false,
	detectDuplicates: false,
	containerUp: true,
	isolated: false,
	mac: undefined,
};
const gateway = { ...plain, isGateway: true };
const defaultGateway = { ...gateway, isDefaultGateway: true };

/** Addresses as `10.1.2.3/24 via 10.1.2.1`, routes as `0.0.0.0/0 via 10.1.2.1`; `via` may be missing in both. */
function result(ips: readonly string[], routes: readonly string[] = []): Result {
	const parse = (text: string) => {
		const [prefix = "", address = ""] = text.split(" via ");
		return { prefix: prefixOf(prefix), gateway: parseAddress(address) };
	};
	return {
		...emptyResult,
		ips: ips.map(parse).map(({ prefix, gateway: via }) => ({ address: prefix, ...(via && { gateway: via }) })),
		routes: routes.map(parse).map(({ prefix, gateway: via }) => ({ dst: prefix, ...(via && { gw: via }) })),
	};
}

function prefixOf(text: string): IpPrefix {
	const prefix = parsePrefix(text);
	if (prefix === undefined) throw new Error(`no prefix: ${text}`);
	return prefix;
}

function shown({ ips, routes }: Result): { ips: string[]; routes: string[] } {
	const via = (address: Parameters<typeof formatAddress>[0] | undefined) =>
		address === undefined ? "" : ` via ${formatAddress(address)}`;
	return {
		ips: ips.map((ip) => formatPrefix(ip.address) + via(ip.gateway)),
		routes: routes.map((route) => formatPrefix(route.dst) + via(route.gw)),
	};
}

describe("what a bridge network makes of IPAM's result", () => {
	it.each<[title: string, settings: BridgeSettings, ipam: Result, planned: Result]>([
		["as it is", plain, result(["10.1.2.3/24"]), result(["10.1.2.3/24"])],
		["IPAM's gateway", gateway, result(["10.1.2.3/24 via 10.1.2.9"]), result(["10.1.2.3/24 via 10.1.2.9"])],
		["the first address as gateway", gateway, result(["10.1.2.3/24"]), result(["10.1.2.3/24 via 10.1.2.1"])],
		["also of IPv6", gateway, result(["fd00::77/64"]), result(["fd00::77/64 via fd00::1"])],
		["no default route of a mere gateway", gateway, result(["10.1.2.3/24"]), result(["10.1.2.3/24 via 10.1.2.1"])],
		[
			"a default route",
			defaultGateway,
			result(["10.1.2.3/24"]),
			result(["10.1.2.3/24 via 10.1.2.1"], ["0.0.0.0/0 via 10.1.2.1"]),
		],
		[
			"one default route a family, through the first address",
			defaultGateway,
			result(["fd00::2/64", "10.1.2.3/24", "10.9.9.3/24", "2001:db8::2/64"]),
			result(
				[
					"fd00::2/64 via fd00::1",
					"10.1.2.3/24 via 10.1.2.1",
					"10.9.9.3/24 via 10.9.9.1",
					"2001:db8::2/64 via 2001:db8::1",
				],
				["0.0.0.0/0 via 10.1.2.1", "::/0 via fd00::1"],
			),
		],
		[
			"IPAM's default route of one family, ours of the other",
			defaultGateway,
			result(["10.1.2.3/24", "fd00::2/64"], ["::/0 via fd00::7", "10.0.0.0/8"]),
			result(
				["10.1.2.3/24 via 10.1.2.1", "fd00::2/64 via fd00::1"],
				["::/0 via fd00::7", "10.0.0.0/8", "0.0.0.0/0 via 10.1.2.1"],
			),
		],
		[
			"IPAM's default route, with the gateway that it lacks",
			defaultGateway,
			result(["10.1.2.3/24"], ["0.0.0.0/0"]),
			result(["10.1.2.3/24 via 10.1.2.1"], ["0.0.0.0/0 via 10.1.2.1"]),
		],
	])("%s", (_title, settings, ipam, planned) => {
		expect(shown(planResult(settings, ipam))).toEqual(shown(planned));
	});

	it.each([
		[1279, ["fd00::2/64"], false],
		[1280, ["fd00::2/64"], true],
		[68, ["10.1.2.3/24"], true],
		[undefined, ["fd00::2/64"], true],
	])("an MTU of %s with %j: allowed %s", (mtu, ips, allowed) => {
		const plan = () => planResult({ ...plain, mtu }, result(ips));
		if (allowed) expect(plan).not.toThrow();
		else expect(plan).toThrow(expect.objectContaining({ code: 7, message: "Cannot use IPv6 with an MTU of 1279" }));
	});
});
