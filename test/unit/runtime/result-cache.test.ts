import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { emptyResult } from "../../../lib/cni/result.ts";
import { parseNetworkList } from "../../../lib/cni/runtime/parse-network-list.ts";
import {
	deleteCachedResult,
	listCachedAttachments,
	readCachedResult,
	writeCachedResult,
} from "../../../lib/cni/runtime/result-cache.ts";

const network = parseNetworkList(Buffer.from('{"name":"n","cniVersion":"1.1.0","plugins":[{"type":"x"}]}'));
const attachment = {
	containerId: "c",
	ifName: "eth0",
	netns: "/n",
	args: [["A", "b"]],
	capabilityArgs: { m: 1 },
} as const;
const recorded = { version: "1.1.0", result: { ...emptyResult, interfaces: [{ name: "eth0" }] } } as const;

let cacheDirectory: string;

beforeEach(() => {
	cacheDirectory = mkdtempSync(join(tmpdir(), `cst-${process.pid}-cache-`));
});
afterEach(() => rmSync(cacheDirectory, { recursive: true }));

describe("the result cache", () => {
	const key = () => ({ cacheDirectory, networkName: "n", attachment });
	const file = (name: string, content: string) => writeFileSync(join(cacheDirectory, "results", name), content);

	it("gives back what it was given, and forgets it when told", () => {
		writeCachedResult(cacheDirectory, { network, attachment, recorded });
		expect(readCachedResult(key(), "1.1.0")).toEqual(recorded);
		expect(listCachedAttachments(cacheDirectory)).toEqual([{ networkName: "n", ...attachment }]);
		deleteCachedResult(key());
		deleteCachedResult(key());
		expect(readCachedResult(key(), "1.1.0")).toBeUndefined();
		expect(listCachedAttachments(cacheDirectory)).toEqual([]);
	});

	it("leaves nothing beside the entry, and replaces what a crash left", () => {
		writeFileSync(join(cacheDirectory, ".n-c-eth0"), "half of an ent");
		writeCachedResult(cacheDirectory, { network, attachment, recorded });
		writeCachedResult(cacheDirectory, { network, attachment, recorded });
		expect(readdirSync(cacheDirectory)).toEqual(["results"]);
		expect(readdirSync(join(cacheDirectory, "results"))).toEqual(["n-c-eth0"]);
	});

	it("leaves out what is empty, as the reference does", () => {
		const bare = { containerId: "c", ifName: "eth0", netns: "", args: [], capabilityArgs: {} };
		writeCachedResult(cacheDirectory, { network, attachment: bare, recorded });
		expect(listCachedAttachments(cacheDirectory)).toEqual([{ networkName: "n", ...bare }]);
	});

	it("reads the result of the oldest form, which lists no attachment", () => {
		writeCachedResult(cacheDirectory, { network, attachment, recorded });
		file("n-c-eth0", '{"cniVersion":"0.4.0","interfaces":[{"name":"eth0"}],"dns":{}}');
		expect(readCachedResult(key(), "1.1.0")).toEqual({ ...recorded, version: "0.4.0" });
		expect(listCachedAttachments(cacheDirectory)).toEqual([]);
	});

	it("passes over damaged and foreign files when listing", () => {
		writeCachedResult(cacheDirectory, { network, attachment, recorded });
		file("a", "");
		file("b", "null");
		file("c", '{"kind":"other","ifName":"eth0","networkName":"n"}');
		file("d", '{"kind":"cniCacheV1","ifName":"eth0"}');
		file("e", '{"kind":"cniCacheV1","networkName":"n","ifName":1}');
		expect(listCachedAttachments(cacheDirectory)).toHaveLength(1);
	});

	it("names a damaged file when it is asked for", () => {
		writeCachedResult(cacheDirectory, { network, attachment, recorded });
		file("n-c-eth0", '{"kind":"cniCac');
		expect(() => readCachedResult(key(), "1.1.0")).toThrow(join(cacheDirectory, "results/n-c-eth0"));
	});

	it("refuses names that lead out of its folder", () => {
		const hostile = { ...attachment, ifName: "/../../x" };
		expect(() => readCachedResult({ ...key(), attachment: hostile }, "1.1.0")).toThrow('it contains "/"');
		expect(() => deleteCachedResult({ ...key(), attachment: hostile })).toThrow('it contains "/"');
		expect(() => writeCachedResult(cacheDirectory, { network, attachment: hostile, recorded })).toThrow('contains "/"');
	});
});
