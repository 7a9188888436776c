import { describe } from "@jest/globals";
import { besideRunning } from "./beside-running.ts";
import { onNewHost } from "./bridge-scenario.ts";
import { type CrashTests, crashTests } from "./crash-tests.ts";

const bridge = { bridge: "br0", isGateway: true };

const masquerading = { ...bridge, ipMasq: true };

describe.each<[title: string, keys: object, tests?: Pick<CrashTests, "kills" | "failing">]>([
	["bridge with host-local", bridge],
	["bridge with host-local and ipMasq", masquerading],
	[
		"bridge with host-local and ipMasq through iptables",
		{ ...masquerading, ipMasqBackend: "iptables" },
		{ failing: false },
	],
	["bridge with host-local and macspoofchk", { ...bridge, macspoofchk: true }, { kills: [] }],
])("%s", (_title, keys, tests = {}) => {
	describe("beside a running container", () => {
		crashTests((world) => besideRunning(world, { type: "bridge", keys }), { ...tests, atLeast: 10 });
	});

	describe("on a host that has nothing yet, but for what the network keeps", () => {
		crashTests((world) => onNewHost(world, keys), { kills: [["ADD", "DEL"]], ...tests, atLeast: 10 });
	});
});
