import fc from "fast-check";
import type { Dns, Result, ResultIp, ResultRoute } from "../../../lib/cni/result.ts";
import type { Family, IpAddress, IpPrefix } from "../../../lib/ip/address.ts";
import { bitsOf } from "../../../lib/ip/address.ts";

const text = fc.string({ minLength: 1, maxLength: 12 }).filter((value) => !value.includes("\0"));
const positive = fc.integer({ min: 1, max: 100_000 });
const natural = fc.integer({ min: 0, max: 100_000 });

const address: fc.Arbitrary<IpAddress> = fc.oneof(
	fc.integer({ min: 0, max: 0xffff_ffff }).map((value): IpAddress => ({ family: 4, value: BigInt(value) })),
	fc
		.bigInt({ min: 0n, max: (1n << 128n) - 1n })
		// An IPv4-mapped address is an IPv4 address.
		.filter((value) => value >> 32n !== 0xffffn)
		.map((value): IpAddress => ({ family: 6, value })),
);

const prefix: fc.Arbitrary<IpPrefix> = address.chain((value) =>
	fc.integer({ min: 0, max: bitsOf(value.family) }).map((length) => ({ address: value, length })),
);

const route = fc.record(
	{ dst: prefix, gw: address, mtu: positive, advmss: positive, priority: positive, table: natural, scope: natural },
	{ requiredKeys: ["dst"] },
);

const link = fc.record(
	{ name: text, mac: text, mtu: positive, sandbox: text, socketPath: text, pciID: text },
	{ requiredKeys: ["name"] },
);

const texts = fc.array(text, { minLength: 1, maxLength: 3 });
const dns: fc.Arbitrary<Dns> = fc.record(
	{ nameservers: texts, domain: text, search: texts, options: texts },
	{ requiredKeys: [] },
);

/** Any result in which nothing is there that printing leaves out. */
export const arbitraryResult: fc.Arbitrary<Result> = fc
	.record({
		interfaces: fc.array(link, { maxLength: 4 }),
		ips: fc.array(
			fc.record(
				{ interface: fc.integer({ min: 0, max: 3 }), address: prefix, gateway: address },
				{ requiredKeys: ["address"] },
			),
			{ maxLength: 5 },
		),
		routes: fc.array(route, { maxLength: 5 }),
		dns,
	})
	.map((result) => ({
		...result,
		ips: result.ips.map((ip) =>
			ip.interface !== undefined && ip.interface < result.interfaces.length ? ip : withoutIndex(ip),
		),
	})) as fc.Arbitrary<Result>;

function withoutIndex({ interface: _, ...ip }: ResultIp): ResultIp {
	return ip;
}

/** What 0.3.0 to 0.4.0 can say of a result. */
export function asLists(result: Result): Result {
	return {
		...result,
		interfaces: result.interfaces.map(({ name, mac, sandbox }) => ({
			name,
			...(mac === undefined ? {} : { mac }),
			...(sandbox === undefined ? {} : { sandbox }),
		})),
	};
}

/** What 0.1.0 and 0.2.0 can say of a result: nothing where it has no address. */
export function asLegacy({ ips, routes, dns: names }: Result): Result | undefined {
	const families = ([4, 6] as const).filter((family) => ips.some((ip) => ip.address.address.family === family));
	if (families.length === 0) return undefined;
	return {
		interfaces: [],
		ips: families.flatMap((family) =>
			ips
				.filter((ip) => ip.address.address.family === family)
				.slice(0, 1)
				.map(withoutIndex),
		),
		routes: families.flatMap((family) => routes.filter((entry) => isOf(family, entry)).map(plainRoute)),
		dns: names,
	};
}

function isOf(family: Family, { dst }: ResultRoute): boolean {
	return dst.address.family === family;
}

function plainRoute({ dst, gw }: ResultRoute): ResultRoute {
	return gw === undefined ? { dst } : { dst, gw };
}
