import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { attemptIn } from "../support/namespace.ts";
import { type Attached, pluginContract } from "./plugin.ts";

const ranges = [[{ subnet: "10.10.0.0/24" }], [{ subnet: "fd10::/64" }]];

pluginContract({
	type: "host-local",
	config: ({ dataDir }) => ({
		ipam: { type: "host-local", dataDir, ranges, routes: [{ dst: "0.0.0.0/0" }] },
	}),
	hasAddress: true,
	mutations: [
		{
			what: "a reservation is gone",
			change: (attached) => attached.host(`rm ${reservation(attached, 0)}`),
			named: /Failed to find address 10\.10\.0\.2 .*it is not reserved/,
		},
		{
			what: "another container has the address",
			change(attached) {
				// Reservations of one ADD are links to one file.
				rmSync(reservation(attached, 1));
				writeFileSync(reservation(attached, 1), "other\r\neth0");
			},
			named: /Failed to find address fd10::2 .*container "other" holds it/,
		},
		{
			what: "all reservations are gone",
			change: ({ world, host }) => host(`rm -r ${world.dataDir}`),
			named: /Failed to find address added by container container-1/,
		},
	],
	failures: [
		{
			what: "a range is exhausted",
			arrange: ({ dataDir }) => ({
				ipam: { type: "host-local", dataDir, ranges: [[{ subnet: "10.10.0.0/24" }], [{ subnet: "10.0.0.0/32" }]] },
			}),
		},
		{
			what: "the second range has nothing left",
			arrange({ dataDir, host }) {
				const full = [{ subnet: "10.11.0.0/30" }];
				attemptIn(host, [
					"sh",
					"-c",
					`mkdir -p ${dataDir}/contract; printf 'x\r\neth0' >${dataDir}/contract/10.11.0.2`,
				]);
				return { ipam: { type: "host-local", dataDir, ranges: [[{ subnet: "10.10.0.0/24" }], full] } };
			},
		},
		{
			what: "the requested address lies in no range",
			arrange: () => ({ args: { cni: { ips: ["10.99.0.1"] } } }),
		},
	],
});

function reservation({ world, result }: Attached, index: number): string {
	const address = result.ips?.[index]?.address.split("/")[0] ?? "";
	return join(world.dataDir, "contract", address);
}
