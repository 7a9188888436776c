import { expect, it } from "@jest/globals";
import { createAttachmentsHost } from "../kernel/attachments-host.ts";
import { attemptIn, runIn } from "../support/namespace.ts";

it("doctor takes a VRF, and the record of it, from a namespace that lives on without its interface; one that others are in stays", () => {
	using host = createAttachmentsHost();
	const ipam = { type: "host-local", ranges: [[{ subnet: "10.215.7.0/24" }]] };
	host.network("blue", [
		{ type: "bridge", bridge: "br0", isGateway: true, ipam },
		{ type: "vrf", vrfname: "blue" },
	]);
	host.network("red", [
		{ type: "bridge", bridge: "br0", isGateway: true, ipam },
		{ type: "vrf", vrfname: "red" },
	]);
	const container = host.world.container();
	for (const [network, ifName] of [
		["blue", "eth0"],
		["red", "net1"],
		["red", "net2"],
	] as const) {
		host.add(network, container, { ifName });
	}
	expect(host.doctor()).toEqual({ exitCode: 0, findings: [] });
	for (const name of ["eth0", "net2"]) runIn(container, ["ip", "link", "del", name]);
	runIn(container, ["ip", "link", "add", "own", "type", "vrf", "table", "77"]);

	const { findings } = host.doctor();
	expect(findings.map(({ kind, what, certainty }) => [kind, what, certainty])).toEqual([
		["VRF", 'VRF "blue"', "sure"],
		["VRF", "record of vrf", "sure"],
		["VRF", 'VRF "own"', "unsure"],
	]);
	expect(host.doctor("--fix").findings.map(({ outcome }) => outcome)).toEqual(["removed", "removed", "found"]);
	const isThere = (name: string) => attemptIn(container, ["ip", "link", "show", name]).exitCode === 0;
	expect(["blue", "red", "own", "net1"].map(isThere)).toEqual([false, true, true, true]);
	expect(host.doctor().findings).toHaveLength(1);
});
