import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { runIn } from "../support/namespace.ts";
import { mustRunPlugin } from "../support/run-plugin.ts";
import { type AttachmentsHost, createAttachmentsHost } from "./attachments-host.ts";

let host: AttachmentsHost;

beforeEach(() => {
	host = createAttachmentsHost();
	host.network("app", [
		{
			type: "bridge",
			bridge: "br0",
			isDefaultGateway: true,
			ipMasq: true,
			ipam: { type: "host-local", ranges: [[{ subnet: "10.214.7.0/24" }], [{ subnet: "fd00:214:7::/64" }]] },
		},
		{ type: "portmap", capabilities: { portMappings: true } },
		{ type: "bandwidth", ingressRate: 8e6, ingressBurst: 8e5, egressRate: 5e5, egressBurst: 8e5 },
		{ type: "groups", groups: ["web"] },
	]);
});
afterEach(() => {
	host[Symbol.dispose]();
});

const ports = {
	capabilities: {
		portMappings: [
			{ hostPort: 8081, containerPort: 80, protocol: "tcp" },
			{ hostPort: 53, containerPort: 5353, protocol: "udp", hostIP: "10.214.7.1" },
		],
	},
};

interface ShownAttachment {
	readonly containerId: string;
	readonly state: string;
	readonly missing: readonly string[];
	readonly hostLink?: { readonly name: string; readonly inKernel: boolean };
	readonly addresses: readonly { readonly address: string; readonly inKernel: boolean }[];
}

function shown(...args: readonly string[]): readonly ShownAttachment[] {
	return JSON.parse(host.cnictl(["show", "--json", ...args]).stdout).attachments;
}

describe("cnictl show", () => {
	it("shows what an attachment has, in a table that fits into 120 columns", () => {
		expect(host.cnictl(["show"])).toMatchObject({ exitCode: 0, stdout: "Nothing is attached on this host\n" });
		const container = host.world.container();
		const id = host.add("app", container, ports);
		const { exitCode, stdout } = host.cnictl(["show"]);
		expect(exitCode).toBe(0);
		const [link] = shown().map(({ hostLink }) => hostLink?.name ?? "");
		expect(stdout.split("\n").map((line) => line.split(/ {2,}/))).toEqual([
			["NETWORK", "ATTACHMENT", "ADDRESSES, ROUTES", "PORTS, GROUPS", "HOST LINK, LIMITS", "AGE", "STATE"],
			["app", `${id.slice(0, 23)}…/eth0`, "10.214.7.2", "8081->80/tcp", link, expect.stringMatching(/^\d+s$/), "ok"],
			["", "fd00:214:7::2", "10.214.7.1:53->5353/udp", "in 8 Mbit/s"],
			["", "0.0.0.0/0 via 10.214.7.1", '"web"', "out 500 kbit/s"],
			["", "::/0 via fd00:214:7::1"],
			[""],
		]);
		expect(Math.max(...stdout.split("\n").map(({ length }) => length))).toBeLessThanOrEqual(120);
	});

	it("finds one by id, its beginning, interface or address, and says all of it", () => {
		const container = host.world.container();
		const id = host.add("app", container, ports);
		host.add("app", container, { ifName: "net1" });
		host.add("app", host.world.container());
		for (const [text, count] of [
			[id, 2],
			[id.slice(0, 12), 2],
			[`${id}/net1`, 1],
			["10.214.7.2", 1],
			["fd00:214:7:0::2", 1],
		] as const) {
			expect(shown(text).map(({ containerId }) => containerId)).toEqual(Array(count).fill(id));
		}
		expect(host.cnictl(["show", "cnitool"])).toMatchObject({
			exitCode: 1,
			stderr: 'Cannot find "cnitool": 2 container ids begin so. `cnictl show` lists all\n',
		});
		const { stdout } = host.cnictl(["show", "10.214.7.2"]);
		for (const line of [
			"network    app",
			`container  ${id}`,
			"state      ok",
			`namespace  ${container.path}`,
			"addresses  10.214.7.2",
			"ports      8081->80/tcp",
			"groups     web",
			"limits     in 8 Mbit/s",
			"firewall   masquerading",
			"known by   the cached result",
		]) {
			expect(stdout.split("\n")).toContain(line);
		}
		expect(stdout).toMatch(/^host link {2}veth\S+, port of br0$/m);
	});

	it("marks what the kernel does not have", () => {
		const container = host.world.container();
		const id = host.add("app", container, ports);
		runIn(container, ["ip", "address", "del", "10.214.7.2/24", "dev", "eth0"]);
		runIn(host.world.host, ["nft", "flush", "table", "inet", "cni_suite"]);
		const [{ hostLink, state, missing } = { state: "", missing: [], hostLink: undefined }] = shown(id);
		expect([state, missing]).toEqual([
			"missing",
			["address 10.214.7.2", "route 0.0.0.0/0 via 10.214.7.1", "port maps in the firewall"],
		]);
		expect(host.cnictl(["show"]).stdout).toMatch(/10\.214\.7\.2 \(missing\) .* 3 missing$/m);
		runIn(host.world.host, ["tc", "qdisc", "del", "dev", hostLink?.name ?? "", "root"]);
		expect(shown(id)[0]?.missing).toContain("limit of ingress");
		runIn(container, ["ip", "link", "del", "eth0"]);
		expect(shown(id)[0]?.missing).toEqual(
			expect.arrayContaining(['interface "eth0" in the container', `host link "${hostLink?.name}"`]),
		);
	});

	it("finds the namespace of a container that nothing but its address tells of", () => {
		const container = host.world.container();
		const bridge = { type: "bridge", bridge: "br1", ipam: { type: "host-local", subnet: "10.214.8.0/24" } };
		const config = { cniVersion: "1.0.0", name: "plain", ...bridge };
		const call = { world: host.world, type: "bridge", netns: container, containerId: "plain-container", config };
		mustRunPlugin({ ...call, command: "ADD", wrapper: host.wrapper });
		expect(shown()).toMatchObject([
			{ containerId: "plain-container", state: "ok", netns: container.path, addresses: [{ address: "10.214.8.2" }] },
		]);
	});

	it("shows an attachment whose namespace is gone, and says what helps", () => {
		const container = host.world.container();
		const id = host.add("app", container);
		host.end(container);
		const { stdout } = host.cnictl(["show", id]);
		expect(stdout).toContain("state      gone: `cnictl doctor` says what is left of it\n");
		expect(shown(id)).toMatchObject([{ state: "gone", addresses: [{ inKernel: false }, { inKernel: false }] }]);
		expect(host.cnictl(["show"]).stdout).toMatch(/10\.214\.7\.2 \(missing\) .* gone$/m);
	});
});
