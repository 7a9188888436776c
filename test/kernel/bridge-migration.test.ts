import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "@jest/globals";
import { distribution, tools } from "../support/paths.ts";
import { itUnless } from "../support/skip.ts";
import { ping } from "../support/traffic.ts";
import { createWorld, leftovers } from "../support/world.ts";
import { attachment, bridgeNetwork, type Config, kept, shell } from "./bridge-network.ts";

const stock = { cniPath: tools };
const itWithStock = itUnless(
	existsSync(join(tools, "bridge")) ? undefined : "the stock plugins are missing: bin/setup --stock",
);

/** Tables and chains that either suite leaves. */
const tables = [
	...kept,
	/^\+ nft (table|chain) (ip6?|inet|bridge) /,
	/^\+ nft rule inet \S+ postrouting /,
	/^\+ iptables nat [*:]/,
];

const configs: Readonly<Record<string, { subnets: readonly string[]; config: Config; cniVersion?: string }>> = {
	"IPv4 with default gateway": { subnets: ["10.1.2.0/24"], config: { isDefaultGateway: true } },
	"dual stack with masquerade and spoof check": {
		subnets: ["10.1.2.0/24", "fd00:1::/64"],
		config: { isDefaultGateway: true, ipMasq: true, macspoofchk: true },
	},
	"masquerade in nftables": {
		subnets: ["10.1.2.0/24"],
		config: { isGateway: true, ipMasq: true, ipMasqBackend: "nftables" },
	},
	"masquerade in iptables": {
		subnets: ["10.1.2.0/24"],
		config: { isGateway: true, ipMasq: true, ipMasqBackend: "iptables" },
	},
	"hairpin, isolation, MTU": {
		subnets: ["10.1.2.0/24"],
		config: { isGateway: true, hairpinMode: true, portIsolation: true, mtu: 1400 },
	},
};

describe.each(Object.entries(configs))(
	"a host that changes suites with containers running: %s",
	(_title, { subnets, config }) => {
		for (const cniVersion of ["0.4.0", "1.0.0", "1.1.0"]) {
			itWithStock(`the stock plugin's attachment is ours to CHECK and DEL, version ${cniVersion}`, () => {
				using world = createWorld();
				const network = bridgeNetwork(world, { subnets, config: { ...config, cniVersion } });
				const running = attachment(world, { config: network, containerId: "running", ...stock });
				running.add();
				const ours = { cniPath: distribution };
				running.must("CHECK", ours);
				// A new one beside it, by our plugin, has another address and reaches the old one.
				const fresh = attachment(world, { config: network, containerId: "fresh" });
				const [address = ""] = fresh.add().ips?.[0]?.address.split("/") ?? [];
				expect(running.result.ips?.map((ip) => ip.address)).not.toContain(address);
				if (config.portIsolation !== true) expect(ping(running.container, address)).toBe(true);
				running.must("CHECK", ours);
				running.must("DEL", ours);
				fresh.must("CHECK");
				fresh.must("DEL");
				expect(leftovers(world, { except: tables })).toEqual([]);
			});
		}

		itWithStock("our attachment is the stock plugin's to CHECK and DEL", () => {
			using world = createWorld();
			const network = bridgeNetwork(world, { subnets, config });
			const running = attachment(world, { config: network, containerId: "running" });
			running.add();
			running.must("CHECK", stock);
			const fresh = attachment(world, { config: network, containerId: "fresh", ...stock });
			fresh.add();
			running.must("DEL", stock);
			fresh.must("CHECK", { cniPath: distribution });
			fresh.must("DEL", stock);
			// The stock plugin does not know of our record; GC and `cnictl firewall reload` drop it.
			expect(leftovers(world, { except: [...tables, /^\+ firewall record file masquerade\//] })).toEqual([]);
		});
	},
);

describe("IPAM as a program of its own", () => {
	itWithStock("the stock host-local serves our bridge", () => {
		using world = createWorld();
		const folder = join(world.directory, "bin");
		shell(world.host, `mkdir ${folder}; ln -s ${join(tools, "host-local")} ${folder}/`);
		const network = bridgeNetwork(world, {
			subnets: ["10.1.2.0/24", "fd00:1::/64"],
			config: { isDefaultGateway: true },
		});
		const env = { CNI_PATH: `${world.directory}/none:${folder}` };
		const one = attachment(world, { config: network, env });
		one.add();
		one.must("CHECK");
		expect(ping(one.container, "10.1.2.1")).toBe(true);
		one.must("DEL");
		expect(leftovers(world, { except: tables })).toEqual([]);
	});
});
