import { join } from "node:path";
import type { Bench, Suite } from "./figure.ts";

/** A network of a main plugin, measured with ours and with the stock plugin of the same type. */
export interface MainScenario {
	readonly title: string;
	readonly type: string;
	/** The plugin's own keys; `ipam` is added unless it is here. */
	readonly config: object;
	/** Subnets of host-local; by default one of IPv4. */
	readonly subnets?: readonly string[];
	/** Run by a shell in the host's namespace of either suite before the first call: masters, and the like. */
	readonly prepare?: string;
	/** A kind of link that the kernel may lack; without it the scenario is left out, and says so. */
	readonly needs?: string;
	/** The most that ours may take, over stock. */
	readonly bars?: { readonly ADD?: number; readonly DEL?: number };
}

const noSlower = { ADD: 1, DEL: 1 };

/** Every main plugin but `bridge`, which `attachment.ts` measures in more detail. */
export const mainScenarios: readonly MainScenario[] = [
	{ title: "ptp + host-local", type: "ptp", config: {}, bars: noSlower },
	{
		title: "ptp + host-local, `ipMasq` through nftables on both sides",
		type: "ptp",
		config: { ipMasq: true, ipMasqBackend: "nftables" },
		bars: noSlower,
	},
	{
		title: "ptp + host-local, IPv4 and IPv6",
		type: "ptp",
		config: {},
		subnets: ["10.66.0.0/16", "fd66::/64"],
		bars: noSlower,
	},
	{ title: "tap + host-local, owner and group", type: "tap", config: { owner: 0, group: 0 }, bars: noSlower },
	{ title: "tap + host-local, no owner", type: "tap", config: {}, bars: noSlower },
	{ title: "dummy + host-local", type: "dummy", config: {}, needs: "dummy", bars: noSlower },
];

/** The configuration of one suite, with a dataDir of its own. */
export function mainConfig(bench: Bench, { scenario, suite }: { scenario: MainScenario; suite: Suite }): object {
	const { type, config, subnets = ["10.66.0.0/16"] } = scenario;
	return {
		cniVersion: "1.0.0",
		name: "mains",
		type,
		ipam: {
			type: "host-local",
			dataDir: join(bench.directory, `mains-${suite}`),
			ranges: subnets.map((subnet) => [{ subnet }]),
		},
		...config,
	};
}
