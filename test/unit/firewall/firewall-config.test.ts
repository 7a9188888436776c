import { describe, expect, it } from "@jest/globals";
import { emptyResult, type Result } from "../../../lib/cni/result.ts";
import { decodeDocument } from "../../../lib/cni/schema.ts";
import { formatAddress, parsePrefix } from "../../../lib/ip/address.ts";
import {
	containerAddresses,
	firewallSchema,
	ingressOf,
	outletOf,
	parseSettings,
} from "../../../plugins/meta/firewall/config.ts";

const settings = (config: object) => parseSettings(decodeDocument(firewallSchema, config));

describe("the settings of firewall", () => {
	it("have defaults, also for what is empty", () => {
		const defaults = {
			backend: "automatic",
			adminChain: "CNI-ADMIN",
			zone: "trusted",
			policy: undefined,
			warnings: [],
		};
		expect(settings({})).toEqual(defaults);
		expect(settings({ backend: "", iptablesAdminChainName: "", firewalldZone: "", ingressPolicy: "" })).toEqual(
			defaults,
		);
		expect(settings({ ingressPolicy: "open" })).toEqual(defaults);
	});

	it("are read in any letter case of the keys", () => {
		expect(settings({ BACKEND: "firewalld", firewallDZone: "work", IngressPolicy: "isolated" })).toMatchObject({
			backend: "firewalld",
			zone: "work",
			policy: "isolated",
		});
	});

	it("choose by themselves for an unknown backend, and say so", () => {
		const { backend, warnings } = settings({ backend: "Iptables" });
		expect([backend, warnings]).toEqual(["automatic", [expect.stringContaining('"backend" is "Iptables"')]]);
	});

	it.each([
		[{ ingressPolicy: "Isolated" }, 'unknown ingress policy: "Isolated"'],
		[{ iptablesAdminChainName: "-X" }, 'invalid iptablesAdminChainName "-X"'],
		[{ iptablesAdminChainName: "a\nCOMMIT" }, "invalid iptablesAdminChainName"],
		[{ iptablesAdminChainName: "FORWARD" }, "invalid iptablesAdminChainName"],
	])("refuse %j", (config, message) => {
		expect(() => settings(config)).toThrow(message);
	});
});

const ip = (text: string, index?: number) => {
	const address = parsePrefix(text);
	if (address === undefined) throw new Error(`Cannot read "${text}"`);
	return index === undefined ? { address } : { address, interface: index };
};

const bridged: Result = {
	...emptyResult,
	interfaces: [{ name: "br0" }, { name: "veth1" }, { name: "eth0", sandbox: "/run/netns/c" }],
	ips: [ip("10.1.0.2/16", 2), ip("10.1.0.1/16", 0), ip("fd00::2/64"), ip("10.1.0.2/24", 2)],
};

describe("what firewall reads of a result", () => {
	it("are the container's addresses, each once, and not the host's", () => {
		expect(containerAddresses(bridged).map(formatAddress)).toEqual(["10.1.0.2", "fd00::2"]);
	});

	it("are all addresses where no interface is known to be in the container", () => {
		const plain = {
			...emptyResult,
			interfaces: [{ name: "dummy0" }],
			ips: [ip("10.0.0.2/24", 0), ip("10.0.0.3/24", 7)],
		};
		expect(containerAddresses(plain).map(formatAddress)).toEqual(["10.0.0.2", "10.0.0.3"]);
	});

	it("is the bridge, with the container's ports", () => {
		expect(outletOf(bridged)).toBe("br0");
		expect(ingressOf("isolated", bridged)).toEqual({ policy: "isolated", bridge: "br0", ports: ["veth1"] });
		expect(ingressOf(undefined, bridged)).toBe(undefined);
		expect(outletOf(emptyResult)).toBe(undefined);
	});

	it.each([
		[[], 'interface needs to be set for ingress policy "isolated", make sure to chain "firewall" plugin with "bridge"'],
		[[{ name: "" }], "got empty bridge name"],
		[[{ name: "eth0", sandbox: "/run/netns/c" }], "is in the container, and no bridge"],
		[[{ name: "a b" }], "interface name contains / or : or whitespace characters"],
		[[{ name: "br0" }, { name: "0123456789abcdef" }], "interface name is too long"],
	])("is refused as a bridge: %j", (interfaces, message) => {
		expect(() => ingressOf("isolated", { ...emptyResult, interfaces })).toThrow(message);
	});
});
