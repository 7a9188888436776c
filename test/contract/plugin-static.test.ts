import { type Attached, type AttachedResult, pluginContract } from "./plugin.ts";

const addresses = [{ address: "10.10.0.5/24", gateway: "10.10.0.1" }, { address: "fd10::5/64" }];

/** Nothing is there that could change but what CHECK is told. */
function inResult({ result }: Attached, change: (ips: NonNullable<AttachedResult["ips"]>) => object[]): void {
	Object.assign(result, { ips: change(result.ips ?? []) });
}

pluginContract({
	type: "static",
	config: () => ({ ipam: { type: "static", addresses, routes: [{ dst: "0.0.0.0/0" }] } }),
	hasAddress: true,
	repeatable: true,
	mutations: [
		{
			what: "an address is missing",
			change: (attached) => inResult(attached, ([first]) => [{ ...first }]),
			named: /^static: Failed to match addr fd10::5 on interface eth0; The result of ADD lacks fd10::5\/64/,
		},
		{
			what: "an address has another length",
			change: (attached) =>
				inResult(attached, ([first, second]) => [{ ...first, address: "10.10.0.5/16" }, { ...second }]),
			named: /^static: Failed to match addr 10\.10\.0\.5 /,
		},
		{
			what: "a gateway is another",
			change: (attached) =>
				inResult(attached, ([first, second]) => [{ ...first, gateway: "10.10.0.2" }, { ...second }]),
			named: /^static: Failed to match addr 10\.10\.0\.5 .* is not 10\.10\.0\.1/,
		},
	],
	failures: [
		{ what: "there is no ipam", arrange: () => ({ ipam: null }) },
		{
			what: "an address has no length",
			arrange: () => ({ ipam: { type: "static", addresses: [{ address: "10.10.0.5" }] } }),
		},
		{ what: "a requested address has no length", arrange: () => ({ runtimeConfig: { ips: ["10.10.0.5"] } }) },
		{ what: "a route is none", arrange: () => ({ ipam: { type: "static", addresses, routes: [{ dst: "x" }] } }) },
	],
});
