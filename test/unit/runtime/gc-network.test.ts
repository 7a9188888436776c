import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { addNetwork } from "../../../lib/cni/runtime/add-network.ts";
import { gcNetwork } from "../../../lib/cni/runtime/gc-network.ts";
import { parseNetworkList } from "../../../lib/cni/runtime/parse-network-list.ts";
import { listCachedAttachments } from "../../../lib/cni/runtime/result-cache.ts";
import type { Runtime } from "../../../lib/cni/runtime/runtime.ts";
import { supportedVersions } from "../../../lib/cni/runtime/supported-versions.ts";
import { root } from "../../support/paths.ts";

let directory: string;
let runtime: Runtime;

beforeEach(() => {
	directory = mkdtempSync(join(tmpdir(), `cst-${process.pid}-gc-`));
	mkdirSync(join(directory, "plugins"));
	symlinkSync(join(root, "test/fixtures/recording-plugin.mjs"), join(directory, "plugins/rec"));
	runtime = {
		paths: [join(directory, "plugins")],
		environment: { PATH: process.env.PATH, REC_LOG: join(directory, "calls") },
		cacheDirectory: join(directory, "cache"),
	};
});
afterEach(() => rmSync(directory, { recursive: true }));

const list = (more: object = {}) =>
	parseNetworkList(
		Buffer.from(JSON.stringify({ name: "n", cniVersion: "1.1.0", plugins: [{ type: "rec" }], ...more })),
	);

const add = (containerId: string, network = list()) =>
	addNetwork(runtime, {
		network,
		attachment: { containerId, ifName: "eth0", netns: "/n", args: [], capabilityArgs: {} },
	});

describe("gcNetwork", () => {
	it("L06 tells plugins of an empty list, as a list", () => {
		gcNetwork(runtime, { network: list(), validAttachments: [] });
		expect(stdin("GC")).toEqual([
			{ type: "rec", name: "n", cniVersion: "1.1.0", "cni.dev/attachments": [], "cni.dev/valid-attachments": [] },
		]);
	});

	it("L07 tells plugins which attachments are valid, under both keys", () => {
		gcNetwork(runtime, { network: list(), validAttachments: [{ containerId: "c", ifName: "eth0" }] });
		const valid = [{ containerID: "c", ifname: "eth0" }];
		expect(stdin("GC")).toMatchObject([{ "cni.dev/attachments": valid, "cni.dev/valid-attachments": valid }]);
	});

	it("deletes what is not valid of this network, and nothing of another", () => {
		add("a");
		add("b");
		add("a", list({ name: "other" }));
		gcNetwork(runtime, { network: list(), validAttachments: [{ containerId: "b", ifName: "eth0" }] });
		expect(calls("DEL").map(({ env }) => env.CNI_CONTAINERID)).toEqual(["a"]);
		expect(
			listCachedAttachments(runtime.cacheDirectory).map(({ networkName, containerId }) => [networkName, containerId]),
		)
			// The other network's "a" sorts after this network's "b".
			.toEqual([
				["n", "b"],
				["other", "a"],
			]);
	});
});

describe("supportedVersions", () => {
	it("asks the plugin with variables that the oldest plugins insist upon", () => {
		expect(supportedVersions(runtime, "rec")).toEqual(["0.3.1", "0.4.0", "1.0.0", "1.1.0"]);
		expect(calls("VERSION")[0]?.env).toMatchObject({ CNI_NETNS: "dummy", CNI_IFNAME: "dummy", CNI_CONTAINERID: "" });
	});

	it("says which plugin is missing", () => {
		expect(() => supportedVersions(runtime, "nope")).toThrow('failed to find plugin "nope" in path');
	});
});

interface RecordedCall {
	readonly command: string;
	readonly env: Readonly<Record<string, string>>;
	readonly stdin: unknown;
}

function calls(command: string): RecordedCall[] {
	const lines = readFileSync(join(directory, "calls"), "utf8").trimEnd().split("\n");
	return lines.map((line) => JSON.parse(line) as RecordedCall).filter((call) => call.command === command);
}

function stdin(command: string): unknown[] {
	return calls(command).map((call) => call.stdin);
}
