import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { type Namespace, runIn } from "../support/namespace.ts";
import { systemPath, tools } from "../support/paths.ts";
import { type Command, mustRunPlugin, type PluginCall, runPlugin } from "../support/run-plugin.ts";
import { httpGet, serve } from "../support/traffic.ts";
import { createWorld, keptByContract, leftovers, snapshotOf, type World } from "../support/world.ts";
import { legacyPath } from "./firewall-driver.ts";

/** A container behind the host, and somebody outside, to whom the container's network is unknown. */
interface Setting {
	readonly world: World;
	readonly outside: Namespace;
}

const networks = {
	4: { subnet: "10.1.2.0/24", outside: "192.0.2.2", host: "192.0.2.1", length: 24, url: "http://192.0.2.2:8080" },
	6: { subnet: "fd00:1::/64", outside: "fd00:2::2", host: "fd00:2::1", length: 64, url: "http://[fd00:2::2]:8080" },
} as const;

const variants = [
	{ name: "nftables by default", ipMasqBackend: undefined, legacy: false },
	{ name: "nftables", ipMasqBackend: "nftables", legacy: false },
	{ name: "iptables-nft", ipMasqBackend: "iptables", legacy: false },
	{ name: "iptables-legacy", ipMasqBackend: "iptables", legacy: true },
] as const;

/** Besides what bridge keeps: host-local's own notes, and tables and base chains that only iptables' look at them makes. */
const kept = [
	...keptByContract,
	/^[+-] file (\.cni-suite\/|\S+\/last_reserved_ip\.)/,
	/^\+ nft (table|chain) ip6? (nat|filter)(| PREROUTING| INPUT| OUTPUT| FORWARD| POSTROUTING) \{/,
	/^\+ iptables (nat|filter) (\*(nat|filter)|:[A-Z]+ ACCEPT)/,
];

let setting: Setting;
beforeEach(() => {
	const world = createWorld();
	const outside = world.container();
	runIn(world.host, ["ip", "link", "add", "up0", "type", "veth", "peer", "name", "eth0", "netns", outside.name]);
	for (const { host, outside: address, length } of Object.values(networks)) {
		runIn(world.host, ["ip", "address", "add", `${host}/${length}`, "dev", "up0", "nodad"]);
		runIn(outside, ["ip", "address", "add", `${address}/${length}`, "dev", "eth0", "nodad"]);
	}
	runIn(world.host, ["ip", "link", "set", "up0", "up"]);
	runIn(outside, ["ip", "link", "set", "eth0", "up"]);
	for (const key of ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"]) {
		runIn(world.host, ["sysctl", "-qw", `${key}=1`]);
	}
	setting = { world, outside };
});
afterEach(() => setting.world.dispose());

interface Options {
	readonly netns?: Namespace;
	readonly containerId?: string;
	readonly ipMasqBackend?: string | undefined;
	readonly legacy?: boolean;
	readonly stock?: boolean;
	readonly valid?: readonly object[];
}

/** A call of bridge, ours or the reference's. */
function call(command: Command, { ipMasqBackend, legacy = false, stock = false, valid, ...rest }: Options): PluginCall {
	const { world } = setting;
	return {
		world,
		type: "bridge",
		command,
		config: {
			cniVersion: "1.1.0",
			name: "masq-test",
			type: "bridge",
			bridge: "cni0",
			isDefaultGateway: true,
			ipMasq: true,
			...(ipMasqBackend === undefined ? {} : { ipMasqBackend }),
			...(valid === undefined ? {} : { "cni.dev/valid-attachments": valid }),
			ipam: {
				type: "host-local",
				dataDir: world.dataDir,
				ranges: Object.values(networks).map(({ subnet }) => [{ subnet }]),
			},
		},
		...(stock ? { cniPath: tools } : {}),
		env: { PATH: legacy ? legacyPathOnce(world) : systemPath },
		...rest,
	};
}

const legacyPaths = new Map<World, string>();
function legacyPathOnce(world: World): string {
	const path = legacyPaths.get(world) ?? legacyPath(world);
	legacyPaths.set(world, path);
	return path;
}

describe.each(variants)("bridge with ipMasq ($name)", (variant) => {
	it("hides the container behind the host from those outside, and not from its own network", async () => {
		const { world, outside } = setting;
		const [container, sibling] = [world.container(), world.container()];
		mustRunPlugin(call("ADD", { netns: container, ...variant }));
		const result = mustRunPlugin<{ ips: { address: string }[] }>(
			call("ADD", { netns: sibling, containerId: "sibling", ...variant }),
		);
		for (const [index, { url, host }] of Object.values(networks).entries()) {
			await using _outside = await serve(outside, { port: 8080 });
			expect(httpGet(container, url)).toBe(host);
			await using _sibling = await serve(sibling, { port: 8080 });
			const address = result.ips[index]?.address.split("/")[0] ?? "";
			const seen = httpGet(container, `http://${address.includes(":") ? `[${address}]` : address}:8080`);
			expect(seen).toBe(address.replace(/3$/, "2"));
		}
	});

	it("leaves nothing after DEL, also without the namespace", () => {
		const { world } = setting;
		const before = snapshotOf(world);
		for (const gone of [false, true]) {
			const netns = world.container();
			mustRunPlugin(call("ADD", { netns, ...variant }));
			mustRunPlugin(call("DEL", gone ? { ...variant } : { netns, ...variant }));
			expect(leftovers(world, { since: before, except: kept })).toEqual([]);
		}
	});

	it("GC removes the rules of containers that are not valid any more", () => {
		const { world } = setting;
		const [one, two] = [world.container(), world.container()];
		mustRunPlugin(call("ADD", { netns: one, containerId: "one", ...variant }));
		const since = snapshotOf(world);
		mustRunPlugin(call("ADD", { netns: two, containerId: "two", ...variant }));
		mustRunPlugin(call("GC", { valid: [{ containerID: "one", ifname: "eth0" }], ...variant }));
		expect(firewallLines(leftovers(world, { since }))).toEqual([]);
	});
});

describe.each(variants)("beside the reference ($name)", (variant) => {
	it("the reference's DEL removes what our ADD made", () => {
		const { world } = setting;
		const since = snapshotOf(world);
		const netns = world.container();
		mustRunPlugin(call("ADD", { netns, ...variant }));
		expect(firewallLines(leftovers(world, { since })).some((line) => line.includes("container-1"))).toBe(true);
		mustRunPlugin(call("DEL", { netns, ...variant, stock: true }));
		expect(firewallLines(leftovers(world, { since, except: kept }))).toEqual([]);
	});

	it("our CHECK accepts, and our DEL removes, what the reference's ADD made", () => {
		const { world } = setting;
		const since = snapshotOf(world);
		const netns = world.container();
		const prevResult = mustRunPlugin<object>(call("ADD", { netns, ...variant, stock: true }));
		expect(firewallLines(leftovers(world, { since })).some((line) => line.includes("container-1"))).toBe(true);
		const check = call("CHECK", { netns, ...variant });
		const { stdout } = runPlugin({ ...check, config: { ...(check.config as object), prevResult } });
		expect(stdout).not.toContain("asquerad");
		mustRunPlugin(call("DEL", { netns, ...variant }));
		expect(firewallLines(leftovers(world, { since, except: kept }))).toEqual([]);
	});

	it("our GC removes what the reference's ADD made", () => {
		const { world } = setting;
		const since = snapshotOf(world);
		mustRunPlugin(call("ADD", { netns: world.container(), ...variant, stock: true }));
		mustRunPlugin(call("GC", { valid: [], ...variant }));
		expect(firewallLines(leftovers(world, { since, except: kept }))).toEqual([]);
	});
});

describe("bridge with ipMasq", () => {
	it("refuses an unknown backend before anything is done", () => {
		const { world } = setting;
		const since = snapshotOf(world);
		const { error } = runPlugin(call("ADD", { netns: world.container(), ipMasqBackend: "ipfw" }));
		expect(error).toMatchObject({ code: 7, msg: 'unknown ipmasq backend "ipfw"' });
		expect(leftovers(world, { since })).toEqual([]);
	});

	it("does not keep the caller of DEL waiting, and no socket open", async () => {
		const { world } = setting;
		const netns = world.container();
		mustRunPlugin(call("ADD", { netns }));
		mustRunPlugin(call("DEL", { netns }));
		// Protocol 12 is netfilter's; the kernel's own socket has port 0.
		const open = () => runIn(world.host, ["awk", "$2 == 12 && $3 != 0", "/proc/net/netlink"]);
		for (const started = Date.now(); open() !== "" && Date.now() - started < 2000; ) await sleep(20);
		expect(open()).toBe("");
	});

	it("starts no process for DEL where iptables has no rules", () => {
		const { world } = setting;
		const netns = world.container();
		mustRunPlugin(call("ADD", { netns }));
		const trace = `${world.directory}/trace`;
		const wrapper = ["strace", "-f", "-e", "trace=execve", "-o", trace];
		mustRunPlugin({ ...call("DEL", { netns }), wrapper });
		expect(runIn(world.host, ["grep", "-c", "execve(", trace]).trim()).toBe("1");
	});
});

function firewallLines(lines: readonly string[]): string[] {
	return lines.filter((line) => /^[+-] (nft|iptables) /.test(line));
}
