import { describe, expect, it } from "@jest/globals";
import type { Ipam } from "../../../lib/cni/ipam.ts";
import { decodeDocument } from "../../../lib/cni/schema.ts";
import { bridgeSchema, parseSettings, vlanGatewayName } from "../../../plugins/main/bridge/config.ts";

const nothing = async () => {};
const ipam: Ipam = {
	type: "host-local",
	find: nothing,
	add: () => Promise.reject(new Error("not here")),
	check: nothing,
	del: nothing,
	gc: nothing,
	status: nothing,
};

function settings(config: object, { args = "", withIpam = true } = {}) {
	const document = { name: "n1", ...config };
	return parseSettings({ config: decodeDocument(bridgeSchema, document), args, ipam: withIpam ? ipam : undefined });
}

describe("the settings of a bridge network", () => {
	it("have defaults", () => {
		expect(settings({})).toEqual({
			bridge: "cni0",
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
		});
	});

	it("the default gateway is a gateway", () => {
		expect(settings({ isDefaultGateway: true })).toMatchObject({ isGateway: true, isDefaultGateway: true });
	});

	it.each([
		[{ ipMasq: true }, true, "automatic"],
		[{ ipMasq: true, ipMasqBackend: null }, true, "automatic"],
		[{ ipMasq: true, ipMasqBackend: "nftables" }, true, "nftables"],
		[{ ipMasq: true, ipMasqBackend: "iptables" }, true, "iptables"],
		[{ ipMasqBackend: "iptables" }, true, undefined],
		[{ ipMasq: true }, false, undefined],
	])("masquerade of %j, with IPAM %s: %s", (config, withIpam, masquerade) => {
		expect(settings(config, { withIpam }).masquerade).toBe(masquerade);
	});

	it.each([
		[{ vlan: 0 }, undefined, false],
		[{ vlanTrunk: [] }, undefined, true],
		[{ vlanTrunk: [{}] }, undefined, true],
		[{ vlan: 100 }, [{ id: 100, native: true }], true],
		[
			{ vlanTrunk: [{ id: 7 }] },
			[
				{ id: 1, native: true },
				{ id: 7, native: false },
			],
			true,
		],
		[{ vlanTrunk: [{ id: 1 }] }, [{ id: 1, native: true }], true],
		[
			{ vlan: 5, vlanTrunk: [{ minID: 4, maxID: 6 }] },
			[
				{ id: 4, native: false },
				{ id: 5, native: true },
				{ id: 6, native: false },
			],
			true,
		],
	])("VLANs of the port with %j", (config, portVlans, vlanFiltering) => {
		expect(settings(config)).toMatchObject({ portVlans, vlanFiltering });
	});

	it.each([
		[{}, "", undefined],
		[{}, "MAC=02:00:00:00:00:0A", "02:00:00:00:00:0a"],
		[{}, "IgnoreUnknown=TRUE;K8S=x;MAC=02-00-00-00-00-0a", "02:00:00:00:00:0a"],
		[{}, "MAC=", undefined],
		[{ args: { cni: { mac: "02:00:00:00:00:0b" } } }, "MAC=02:00:00:00:00:0a", "02:00:00:00:00:0b"],
		[{ args: { cni: { mac: "" } } }, "MAC=02:00:00:00:00:0a", "02:00:00:00:00:0a"],
		[
			{ args: { cni: { mac: "02:00:00:00:00:0b" } }, RuntimeConfig: { mac: "0200.0000.000c" } },
			"MAC=02:00:00:00:00:0a",
			"02:00:00:00:00:0c",
		],
		[{ mac: "02:00:00:00:00:0d" }, "", undefined],
	])("MAC address of %j and CNI_ARGS %s", (config, args, mac) => {
		expect(settings(config, { args }).mac).toBe(mac);
	});

	it.each([
		[{ vlan: -100 }, "invalid VLAN ID -100 (must be between 0 and 4094)"],
		[{ vlan: 5000 }, "invalid VLAN ID 5000 (must be between 0 and 4094)"],
		[{ vlan: 4095 }, "invalid VLAN ID 4095 (must be between 0 and 4094)"],
		[{ vlanTrunk: [{ id: 0 }] }, "incorrect trunk id parameter"],
		[{ hairpinMode: true, promiscMode: true }, "cannot set hairpin mode and promiscuous mode at the same time"],
		[{ disableContainerInterface: true }, "cannot use IPAM when DisableContainerInterface flag is set"],
		[{ ipMasq: true, ipMasqBackend: "" }, 'unknown ipmasq backend ""'],
		[{ ipMasq: true, ipMasqBackend: "pf" }, 'unknown ipmasq backend "pf"'],
		[{ bridge: "" }, 'failed to create bridge "": could not add "": LinkAttrs.Name cannot be empty'],
		[{ bridge: "a/b" }, expect.stringMatching(/^failed to create bridge "a\/b": could not add "a\/b": /)],
		[{ bridge: "sixteen-bytes-xx" }, expect.stringContaining('could not add "sixteen-bytes-xx"')],
		[{ bridge: "twelve-bytes", vlan: 100, isGateway: true }, expect.stringContaining('"twelve-bytes.100"')],
		[{ runtimeConfig: { mac: "x" } }, "failed to make veth pair: address x: invalid MAC address"],
		[
			{ runtimeConfig: { mac: "02:00:00:00:00:00:00:01" } },
			"failed to make veth pair: address 02:00:00:00:00:00:00:01: invalid MAC address",
		],
		[{ runtimeConfig: { mac: "ff:ff:ff:ff:ff:ff" } }, expect.stringContaining("invalid MAC address")],
	])("%j is refused", (config, message) => {
		expect(() => settings(config)).toThrow(expect.objectContaining({ code: 7, message }));
	});

	it("the name of a VLAN's gateway counts only where there is one", () => {
		expect(settings({ bridge: "twelve-bytes", vlan: 100 }).vlan).toBe(100);
		expect(vlanGatewayName({ bridge: "br0", vlan: 100 })).toBe("br0.100");
	});

	it.each(["MAC", "MAC=a=b", "MAC=02:00:00:00:00:01;", "K=V", "IgnoreUnknown=yes;K=V"])(
		"CNI_ARGS %s is refused",
		(args) => {
			expect(() => settings({}, { args })).toThrow(expect.objectContaining({ code: 4 }));
		},
	);
});
