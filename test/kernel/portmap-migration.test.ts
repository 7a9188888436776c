import { afterEach, beforeEach, describe, expect } from "@jest/globals";
import { attemptIn } from "../support/namespace.ts";
import { tools } from "../support/paths.ts";
import { mustRunPlugin, runPlugin } from "../support/run-plugin.ts";
import { itUnless, missingProgram } from "../support/skip.ts";
import { keptByPortMaps, leftovers, snapshotOf } from "../support/world.ts";
import {
	backends,
	type Container,
	createContainer,
	createPortmapNetwork,
	type Mapping,
	type PortmapNetwork,
	portmapCall,
} from "./portmap-network.ts";

const mappings: readonly Mapping[] = [
	...Array.from({ length: 17 }, (_, n) => ({ hostPort: 8000 + n, containerPort: 80, protocol: "tcp" })),
	{ hostPort: 8081, containerPort: 81, protocol: "udp", hostIP: "192.0.2.1" },
	{ hostPort: 8082, containerPort: 82, protocol: "sctp", hostIP: "2001:db8::1" },
	{ hostPort: 8083, containerPort: 83, protocol: "tcp", hostIP: "0.0.0.0" },
];

const settings = [
	{},
	{ snat: false },
	{ masqAll: true },
	{ markMasqBit: 5 },
	{ conditionsV4: ["-s", "192.0.2.0/24"], conditionsV6: ["!", "-s", "2001:db8::7"], backend: "iptables" },
];

let network: PortmapNetwork;
let container: Container;
let since: ReturnType<typeof snapshotOf>;
beforeEach(() => {
	network = createPortmapNetwork();
	container = createContainer(network.world, 2);
	since = snapshotOf(network.world);
});
afterEach(() => network.world.dispose());

const itWithStock = itUnless(missingProgram(`${tools}/portmap`));
const left = () =>
	leftovers(network.world, {
		since,
		except: [...keptByPortMaps, /^\+ nft \w+ ip6? cni_hostport (?!.*"comment")/, /cni_hostport .*"CNI portmap plugin"/],
	});

/** Rules that the reference made in nf_tables for containers. */
const inReferenceTable = () =>
	attemptIn(network.world.host, ["nft", "list", "ruleset"]).stdout.match(/comment "(c2|c3)"/g) ?? [];

describe.each(backends)("with the reference's plugin, $name", (backend) => {
	for (const extra of settings.filter((some) => !("backend" in some) || backend.name !== "nftables")) {
		const config = backend.name === "nftables" ? { ...extra, backend: "nftables" } : extra;
		const call = () => portmapCall(network.world, { container, mappings, backend, extra: config });
		const bare = () => {
			const { backend: chosen } = call().config as { backend?: string };
			return { ...call(), config: { cniVersion: "1.1.0", name: "ports", type: "portmap", backend: chosen } };
		};

		itWithStock(`what it added is whole for CHECK, and gone after DEL: ${JSON.stringify(extra)}`, () => {
			// `ip6tables-legacy -C` finds a rule for any port once there is one: the reference then adds no other.
			const some = backend.name === "iptables-legacy" ? mappings.slice(0, 1) : mappings;
			const added = portmapCall(network.world, { container, mappings: some, backend, extra: config });
			mustRunPlugin({ ...added, command: "ADD", cniPath: tools });
			mustRunPlugin({ ...added, command: "CHECK" });
			mustRunPlugin({ ...added, command: "CHECK", config: { ...added.config, backend: undefined } });
			mustRunPlugin({ ...bare(), command: "DEL" });
			expect(left()).toEqual([]);
			expect(inReferenceTable()).toEqual([]);
		});

		if (backend.name === "nftables") continue;

		itWithStock(`what we added is whole for its CHECK, and gone after its DEL: ${JSON.stringify(extra)}`, () => {
			mustRunPlugin({ ...call(), command: "ADD" });
			mustRunPlugin({ ...call(), command: "CHECK", cniPath: tools });
			mustRunPlugin({ ...call(), command: "DEL", cniPath: tools });
			const ports = attemptIn(network.world.host, ["sh", "-c", "iptables-nft-save; iptables-legacy-save"]);
			expect(ports.stdout).not.toContain("CNI-DN");
			// Whatever it does not know of.
			mustRunPlugin({ ...bare(), command: "DEL" });
			expect(left()).toEqual([]);
		});

		itWithStock(`both find the shared rules of the other, and add none: ${JSON.stringify(extra)}`, () => {
			mustRunPlugin({ ...call(), command: "ADD", cniPath: tools });
			const shared = () =>
				attemptIn(network.world.host, ["sh", "-c", "iptables-nft-save; iptables-legacy-save"]).stdout.match(
					/^-A (PREROUTING|OUTPUT|POSTROUTING|CNI-HOSTPORT-(SETMARK|MASQ)) .*$/gm,
				);
			const before = shared();
			mustRunPlugin({ ...call(), command: "ADD" });
			mustRunPlugin({ ...call(), command: "ADD", cniPath: tools });
			expect(shared()).toEqual(before);
		});
	}

	itWithStock("a port that it mapped for another container is refused", () => {
		const config = { backend: backend.name === "nftables" ? "nftables" : "iptables" };
		mustRunPlugin({
			...portmapCall(network.world, { container, mappings, backend, extra: config }),
			command: "ADD",
			cniPath: tools,
		});
		const other = createContainer(network.world, 3);
		const wanted = [{ hostPort: 8003, containerPort: 80, protocol: "tcp", hostIP: "192.0.2.1" }];
		const { error } = runPlugin({
			...portmapCall(network.world, { container: other, mappings: wanted, backend }),
			command: "ADD",
		});
		expect(error?.msg).toMatch(/^Cannot map tcp port 8003 of the host: container "c2" \(.*\) holds it$/);
	});
});

describe("a container of two networks", () => {
	itWithStock("keeps the rules that the reference made for the other one", () => {
		const { world } = network;
		const extra = { backend: "nftables" };
		const one = portmapCall(world, { container, mappings: mappings.slice(0, 2), extra });
		const second = { ...createContainer(world, 3), containerId: container.containerId };
		const two = portmapCall(world, { container: second, mappings: mappings.slice(2, 3), extra });
		mustRunPlugin({ ...one, command: "ADD", cniPath: tools });
		mustRunPlugin({ ...two, config: { ...two.config, name: "other" }, command: "ADD", cniPath: tools });
		mustRunPlugin({ ...one, command: "DEL" });
		mustRunPlugin({ ...two, config: { ...two.config, name: "other" }, command: "CHECK" });
		mustRunPlugin({ ...two, config: { ...two.config, name: "other" }, command: "DEL" });
		expect(inReferenceTable()).toEqual([]);
	});
});
