import {
	existsSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	statSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { formatAddress } from "../../../lib/ip/address.ts";
import { allocate } from "../../../lib/ipam/allocate.ts";
import { createFileStore } from "../../../lib/ipam/file-store/file-store.ts";
import { openStamp } from "../../../lib/ipam/file-store/freshness.ts";
import { layoutOf } from "../../../lib/ipam/file-store/layout.ts";
import { parseRangeSet } from "../../../lib/ipam/range-set.ts";
import type { IpamStore } from "../../../lib/ipam/store.ts";
import { ip, owner } from "../../contract/ipam-store.ts";
import { creatingLock } from "./creating-lock.ts";

let root: string;
let network: string;
let beside: string;
let seconds: number;

beforeEach(() => {
	root = mkdtempSync(join(tmpdir(), "cst-store-"));
	network = join(root, "data/net");
	beside = join(root, "data/.cni-suite/net");
	seconds = 1000;
});
afterEach(() => rmSync(root, { recursive: true }));

/** A new one for each call: every call is a process of its own. */
function store({ cooldown = 0 } = {}): IpamStore {
	const now = () => seconds * 1000;
	return createFileStore({
		dataDir: join(root, "data"),
		network: "net",
		cooldownMs: cooldown * 1000,
		lock: creatingLock,
		now,
	});
}

async function add(
	id: string,
	{ subnet = "10.0.0.0/29", ips = [] as string[], cooldown = 0, ifName = "eth0" } = {},
): Promise<string> {
	const request = { owner: owner(id, ifName), sets: [parseRangeSet([{ subnet }])], requested: ips.map(ip) };
	const [result] = await allocate(store({ cooldown }), request);
	return result === undefined ? "" : formatAddress(result.address.address);
}

async function del(id: string, { cooldown = 0, ifName = "eth0" } = {}): Promise<readonly string[]> {
	return (await store({ cooldown }).release(owner(id, ifName))).map(formatAddress).sort();
}

function put(name: string, content: string): void {
	mkdirSync(dirname(join(network, name)), { recursive: true });
	writeFileSync(join(network, name), content);
}

const read = (name: string) => readFileSync(join(network, name), "utf8");
const modeOf = (name: string) => statSync(join(network, name)).mode & 0o777;

describe("what the reference shares", () => {
	test("names, bytes and modes", async () => {
		await add("dummy");
		await add("dummy6", { subnet: "2001:db8:1::/64" });
		expect(readdirSync(network).sort()).toEqual(["10.0.0.2", "2001:db8:1::2", "last_reserved_ip.0", "lock"]);
		expect(read("10.0.0.2")).toBe("dummy\r\neth0");
		expect(read("2001:db8:1::2")).toBe("dummy6\r\neth0");
		expect(read("last_reserved_ip.0")).toBe("2001:db8:1::2");
		expect([modeOf("10.0.0.2"), modeOf("last_reserved_ip.0"), modeOf("../net")]).toEqual([0o600, 0o600, 0o755]);
		expect([readdirSync(join(root, "data")).sort(), readdirSync(join(beside, "pending"))]).toEqual([
			[".cni-suite", "net"],
			[],
		]);
	});

	test("white space around the container's id is not kept", async () => {
		await add("   dummy\n ");
		expect(read("10.0.0.2")).toBe("dummy\r\neth0");
		expect(await del("   dummy\n ")).toEqual(["10.0.0.2"]);
		expect(existsSync(join(network, "10.0.0.2"))).toBe(false);
	});

	test("a shorter address replaces a longer one in the cursor", async () => {
		await add("a", { subnet: "10.100.100.0/24" });
		await add("b");
		expect(read("last_reserved_ip.0")).toBe("10.0.0.2");
	});

	test("reservations of the reference count, whatever white space surrounds them", async () => {
		put("10.0.0.2", "theirs\r\neth0");
		put("10.0.0.3", " theirs-too\r\neth0\n");
		put("last_reserved_ip.0", "10.0.0.6\n");
		await expect(add("theirs")).rejects.toThrow("10.0.0.2 has been allocated to theirs");
		await expect(add("theirs-too")).rejects.toThrow("10.0.0.3 has been allocated to theirs-too");
		expect(await add("ours")).toBe("10.0.0.4");
		expect(await del("theirs-too")).toEqual(["10.0.0.3"]);
	});

	test("what the reference adds and removes later is seen at once", async () => {
		await add("a");
		put("10.0.0.3", "theirs\r\neth0");
		expect(await add("b")).toBe("10.0.0.4");
		rmSync(join(network, "10.0.0.2"));
		expect(await store().find(owner("a"))).toEqual([]);
		expect(await add("a")).toBe("10.0.0.5");
		expect(await del("theirs")).toEqual(["10.0.0.3"]);
	});

	test("one without interface is every interface's, unless something is exactly its own", async () => {
		put("10.0.0.2", "dummy");
		put("10.0.0.3", "dummy\r\neth1");
		expect((await store().find(owner("dummy"))).map(formatAddress)).toEqual(["10.0.0.2"]);
		expect(await del("dummy", { ifName: "eth1" })).toEqual(["10.0.0.3"]);
		expect(await del("dummy", { ifName: "eth1" })).toEqual(["10.0.0.2"]);
	});

	test("one that was rewritten in the old format is released too", async () => {
		await add("dummy");
		put("10.0.0.2", "dummy");
		expect(await del("dummy")).toEqual(["10.0.0.2"]);
	});

	test("cursors, other files and folders are nobody's reservation", async () => {
		put("last_reserved_ip.0", "10.0.0.5");
		put("sub/10.0.0.2", "10.0.0.5\r\neth0");
		put("10.0.0.3.bak", "10.0.0.5\r\neth0");
		put("10.0.0.03", "10.0.0.5\r\neth0");
		put("2001:DB8::1", "10.0.0.5\r\neth0");
		expect(await del("10.0.0.5")).toEqual([]);
		await store().reclaim(() => false);
		expect(readdirSync(network).sort()).toEqual(
			["10.0.0.03", "10.0.0.3.bak", "2001:DB8::1", "last_reserved_ip.0", "lock", "sub"].sort(),
		);
	});

	test("an empty reservation is what a crash left: it is given to the next one, and collected", async () => {
		put("10.0.0.2", "");
		put("10.0.0.5", "");
		put("10.0.0.6", "\0\0\0\0\0");
		expect(await add("a")).toBe("10.0.0.2");
		expect(await add("b", { ips: ["10.0.0.5"] })).toBe("10.0.0.5");
		await store().reclaim(() => true);
		expect(readdirSync(network).sort()).toEqual(["10.0.0.2", "10.0.0.5", "last_reserved_ip.0", "lock"]);
	});

	test("a folder named like an address is left alone", async () => {
		mkdirSync(join(network, "10.0.0.2"), { recursive: true });
		expect(await add("a")).toBe("10.0.0.3");
	});

	test("nothing is made where only something was to be released, found or counted", async () => {
		expect(await del("a")).toEqual([]);
		expect(await store().find(owner("a"))).toEqual([]);
		expect(await store().reclaim(() => false)).toEqual([]);
		expect(await store().countTaken(parseRangeSet([{ subnet: "10.0.0.0/29" }]))).toBe(0);
		expect(existsSync(join(root, "data"))).toBe(false);
	});

	test("a network on another file system works without hard links", async () => {
		const elsewhere = mkdtempSync("/dev/shm/cst-store-");
		try {
			mkdirSync(join(root, "data"));
			symlinkSync(elsewhere, network);
			expect(await add("a")).toBe("10.0.0.2");
			expect(read("10.0.0.2")).toBe("a\r\neth0");
			await expect(add("b", { ips: ["10.0.0.2"] })).rejects.toThrow("is not available");
			expect(await del("a")).toEqual(["10.0.0.2"]);
		} finally {
			rmSync(elsewhere, { recursive: true });
		}
	});
});

describe("what lies beside may be missing or stale", () => {
	/** Changes a file of ours without the stamp noticing. */
	function damage(name: string, change: (bytes: Buffer) => Uint8Array): void {
		for (const file of readdirSync(join(beside, name))) {
			const path = join(beside, name, file);
			writeFileSync(path, change(readFileSync(path)));
		}
	}

	test.each<[string, (bytes: Buffer) => Uint8Array]>([
		["all ones", () => new Uint8Array(8192).fill(255)],
		["all zeros", () => new Uint8Array(8192)],
		["cut off", (bytes) => bytes.subarray(0, 0)],
		["too long", (bytes) => Buffer.concat([bytes, new Uint8Array(20_000).fill(255)])],
	])("bitmaps that are %s", async (_name, change) => {
		for (const id of ["a", "b"]) await add(id);
		damage("taken", change);
		expect(await add("c")).toBe("10.0.0.4");
		damage("taken", change);
		expect([await add("d"), await add("e")]).toEqual(["10.0.0.5", "10.0.0.6"]);
		damage("taken", change);
		await expect(add("f")).rejects.toThrow("no IP addresses available");
		await del("b");
		damage("taken", change);
		expect(await add("f")).toBe("10.0.0.3");
	});

	test.each(["owners", "taken", "stamp", "pending"])("%s is gone", async (name) => {
		for (const id of ["a", "b"]) await add(id);
		rmSync(join(beside, name), { recursive: true });
		rmSync(join(beside, "stamp"), { force: true });
		await expect(add("a")).rejects.toThrow("10.0.0.2 has been allocated to a");
		expect(await add("c")).toBe("10.0.0.4");
		expect(await del("a")).toEqual(["10.0.0.2"]);
	});

	test("lines of owners that are no longer true are not believed", async () => {
		await add("a");
		damage("owners", () => Buffer.from("10.0.0.2 b eth0\nnonsense b eth0\n10.0.0.9 b eth0\n"));
		expect(await store().find(owner("b"))).toEqual([]);
		expect(read("10.0.0.2")).toBe("a\r\neth0");
	});

	test("nothing can be written there: what is reserved is found and released all the same", async () => {
		await add("a");
		rmSync(join(root, "data/.cni-suite"), { recursive: true });
		writeFileSync(join(root, "data/.cni-suite"), "in the way");
		expect((await store().find(owner("a"))).map(formatAddress)).toEqual(["10.0.0.2"]);
		await expect(add("b")).rejects.toThrow("ENOTDIR");
		expect(await del("a")).toEqual(["10.0.0.2"]);
	});

	test.each(["owners", "taken"])(
		"a part of it cannot be written: the rest is not taken for the whole",
		async (name) => {
			await add("a");
			put("10.0.0.3", "theirs\r\neth0");
			rmSync(join(beside, name), { recursive: true });
			writeFileSync(join(beside, name), "in the way");
			expect(await add("b")).toBe("10.0.0.4");
			rmSync(join(beside, name));
			expect((await store().find(owner("theirs"))).map(formatAddress)).toEqual(["10.0.0.3"]);
			expect([await del("a"), await del("b")]).toEqual([["10.0.0.2"], ["10.0.0.4"]]);
		},
	);

	test("a refused ADD costs the next call nothing: the index still fits", async () => {
		await add("a", { subnet: "10.0.1.0/30" });
		const sets = [parseRangeSet([{ subnet: "10.0.0.0/29" }]), parseRangeSet([{ subnet: "10.0.1.0/30" }])];
		await expect(allocate(store(), { owner: owner("b"), sets, requested: [] })).rejects.toThrow("range 1: no IP");
		expect(readdirSync(network).sort()).toEqual(["10.0.1.2", "last_reserved_ip.0", "lock"]);
		expect(openStamp(layoutOf(join(root, "data"), "net")).fits()).toBe(true);
		expect(await add("b")).toBe("10.0.0.2");
	});

	test("what a killed process had not linked yet is removed by the next release", async () => {
		await add("a");
		const gone = 2 ** 22 + 1;
		writeFileSync(join(beside, `pending/${gone}.abc`), "b\r\neth0");
		writeFileSync(join(beside, `pending/${process.pid}.abc`), "c\r\neth0");
		await del("b");
		expect(readdirSync(join(beside, "pending"))).toEqual([`${process.pid}.abc`]);
	});
});

describe("cooldown", () => {
	const cooldown = 60;

	/** Takes and releases all five addresses, a second apart. */
	async function useAll(): Promise<void> {
		for (const id of ["a", "b", "c", "d", "e"]) {
			await add(id, { cooldown });
			await del(id, { cooldown });
			seconds++;
		}
	}

	test("a released address rests while others are clean, even when the cursor comes around", async () => {
		expect(await add("a", { cooldown })).toBe("10.0.0.2");
		for (const id of ["b", "c", "d"]) await add(id, { cooldown });
		await del("a", { cooldown });
		await del("b", { cooldown });
		expect(await add("e", { cooldown })).toBe("10.0.0.6");
		seconds += cooldown;
		expect(await add("f", { cooldown })).toBe("10.0.0.2");
	});

	test("when nothing else is left, the one released longest ago is given", async () => {
		await useAll();
		expect(await add("f", { cooldown, ips: ["10.0.0.2"] })).toBe("10.0.0.2");
		await del("f", { cooldown });
		seconds++;
		expect([await add("g", { cooldown }), await add("h", { cooldown })]).toEqual(["10.0.0.3", "10.0.0.4"]);
	});

	test("those that have rested are given before, in the usual order", async () => {
		await useAll();
		// The first three have rested by now; the cursor stands at .6
		seconds += cooldown - 3;
		await add("f", { cooldown, ips: ["10.0.0.2"] });
		expect([await add("g", { cooldown }), await add("h", { cooldown })]).toEqual(["10.0.0.3", "10.0.0.4"]);
	});

	test("full is full", async () => {
		await useAll();
		for (const id of ["f", "g", "h", "i", "j"]) await add(id, { cooldown });
		await expect(add("k", { cooldown })).rejects.toThrow("no IP addresses available");
	});

	test("survives a reading of the directory, and ends where no cooldown is configured any more", async () => {
		await add("a", { cooldown });
		await del("a", { cooldown });
		put("10.0.0.3", "theirs\r\neth0");
		put("last_reserved_ip.0", "10.0.0.6");
		expect(await add("b", { cooldown })).toBe("10.0.0.4");
		await del("b", { cooldown });
		rmSync(join(network, "10.0.0.3"));
		put("last_reserved_ip.0", "10.0.0.6");
		expect(await add("c")).toBe("10.0.0.2");
	});

	test("what GC reclaims rests too; what a failed ADD takes back does not", async () => {
		await add("a", { cooldown });
		await store({ cooldown }).reclaim(() => false);
		put("last_reserved_ip.0", "10.0.0.6");
		expect(await add("b", { cooldown })).toBe("10.0.0.3");
		await store({ cooldown }).unreserve(owner("b"), [ip("10.0.0.3")]);
		put("last_reserved_ip.0", "10.0.0.2");
		expect(await add("c", { cooldown })).toBe("10.0.0.3");
	});

	test("the log does not grow with the number of containers", async () => {
		const subnet = "10.0.0.0/16";
		for (let round = 0; round < 100; round++) {
			await add("a", { cooldown, subnet });
			await del("a", { cooldown });
			seconds += 10;
		}
		const lines = ["cooling", "cooling.previous"].flatMap((name) =>
			readFileSync(join(beside, name), "utf8").trim().split("\n"),
		);
		expect(lines.length).toBeLessThanOrEqual((2 * cooldown) / 10 + 1);
	});
});
