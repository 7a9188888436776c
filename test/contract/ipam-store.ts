import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { CniError } from "../../lib/cni/error.ts";
import type { Attachment } from "../../lib/cni/plugin.ts";
import { formatAddress, formatPrefix, type IpAddress, parseAddress } from "../../lib/ip/address.ts";
import { allocate } from "../../lib/ipam/allocate.ts";
import type { RangeText } from "../../lib/ipam/range.ts";
import { parseRangeSet } from "../../lib/ipam/range-set.ts";
import type { IpamStore } from "../../lib/ipam/store.ts";

/** One network's store, empty; `network` names another network of the same store. */
export interface StoreUnderTest extends AsyncDisposable {
	open(network?: string): IpamStore;
}

/** What every store must do: the laws of the seam, and the allocation order that operators know. */
export function describeIpamStore(name: string, create: () => Promise<StoreUnderTest>): void {
	describe(`IPAM store: ${name}`, () => {
		let under: StoreUnderTest;
		let store: IpamStore;

		beforeEach(async () => {
			under = await create();
			store = under.open();
		});
		afterEach(async () => {
			await under[Symbol.asyncDispose]();
		});

		const slash29: readonly RangeText[][] = [[{ subnet: "192.168.1.0/29" }]];
		const inSlash29 = (host: number) => `192.168.1.${host}`;

		/** Reserves for a container's eth0; the addresses with their prefix lengths. */
		async function add(id: string, { sets = slash29, ips = [] as string[] } = {}): Promise<string> {
			const request = { owner: owner(id), sets: sets.map(parseRangeSet), requested: ips.map(ip) };
			const results = await allocate(store, request);
			return results.map(({ address }) => formatPrefix(address)).join(" ");
		}

		/** Makes the address the one given last, and leaves it free. */
		async function setCursor(text: string, sets = slash29): Promise<void> {
			await add("cursor", { sets, ips: [text] });
			await store.release(owner("cursor"));
		}

		async function takeAll(texts: readonly string[], sets = slash29): Promise<void> {
			for (const text of texts) await add(`holder-of-${text.replaceAll(":", "-")}`, { sets, ips: [text] });
		}

		async function held(): Promise<readonly string[]> {
			const all = await store.list();
			return all
				.map(({ address, owner: { containerId, ifName } }) => `${formatAddress(address)} ${containerId} ${ifName}`)
				.sort();
		}

		describe("order", () => {
			test.each([
				["10.0.0.0/29", "10.0.0.2/29"],
				["2001:db8:1::0/64", "2001:db8:1::2/64"],
				["10.0.0.0/30", "10.0.0.2/30"],
			])("the first address of %s is %s", async (subnet, expected) => {
				expect(await add("a", { sets: [[{ subnet }]] })).toBe(expected);
			});

			test.each([
				[[2], undefined, 3],
				[[], 5, 6],
				[[4, 5], 3, 6],
				[[6], 5, 2],
				[[2, 4, 5, 6], 3, 3],
			])("with %j taken and %j given last comes %j", async (taken, last, expected) => {
				await takeAll(taken.map(inSlash29));
				if (last !== undefined) await setCursor(inSlash29(last));
				expect(await add("a")).toBe(`${inSlash29(expected)}/29`);
			});

			test("a cursor of another subnet is as none", async () => {
				await setCursor("10.0.0.128", [[{ subnet: "10.0.0.0/24" }]]);
				await takeAll([inSlash29(2)]);
				await setCursor("10.0.0.128", [[{ subnet: "10.0.0.0/24" }]]);
				expect(await add("a")).toBe("192.168.1.3/29");
			});

			test("the ranges of a set follow each other, around to the first", async () => {
				const sets = [[{ subnet: "10.0.0.0/30" }, { subnet: "10.0.1.0/30" }, { subnet: "10.0.2.0/30" }]];
				expect(await add("a", { sets })).toBe("10.0.0.2/30");
				expect(await add("b", { sets })).toBe("10.0.1.2/30");
				expect(await add("c", { sets })).toBe("10.0.2.2/30");
				await store.release(owner("a"));
				expect(await add("d", { sets })).toBe("10.0.0.2/30");
			});

			test("an address is not given again while others are left", async () => {
				expect(await add("a")).toBe("192.168.1.2/29");
				await store.release(owner("a"));
				expect(await add("a")).toBe("192.168.1.3/29");
			});

			test("a small subnet is given whole, but its network, gateway and broadcast addresses", async () => {
				for (let host = 2; host <= 6; host++) expect(await add(`ID${host}`)).toBe(`${inSlash29(host)}/29`);
				await expect(add("ID7")).rejects.toThrow("no IP addresses available in range set: 192.168.1.1-192.168.1.6");
			});
		});

		describe("tags", () => {
			const tags = { labels: [{ key: "app", value: "web" }, { key: "flag" }], groups: ["prod"] };
			const wish = { set: parseRangeSet([{ subnet: "10.0.0.0/29" }]), setIndex: 0, requested: undefined };
			const tagged = async () =>
				(await store.list()).map(({ owner: { containerId }, tags: found }) => [containerId, found] as const);

			test("are kept with the addresses of their owner, and go with them", async () => {
				await store.reserve(owner("a"), [wish], tags);
				await store.reserve(owner("b"), [wish]);
				const none = { labels: [], groups: [] };
				const found = new Map(await tagged());
				expect([found.get("a"), found.get("b")]).toMatchObject([tags, none]);
				await store.release(owner("a"));
				await store.reserve(owner("a"), [wish]);
				expect(new Map(await tagged()).get("a")).toEqual(none);
			});

			test("go with what is reclaimed or taken back; those of others stay", async () => {
				for (const id of ["a", "b", "c"]) await store.reserve(owner(id), [wish], { ...tags, groups: [id] });
				await store.reclaim(({ containerId }) => containerId !== "a");
				await store.unreserve(owner("b"), await store.find(owner("b")));
				for (const id of ["a", "b"]) await store.reserve(owner(id), [wish]);
				expect(new Map((await tagged()).map(([id, { groups }]) => [id, groups]))).toEqual(
					new Map([
						["a", []],
						["b", []],
						["c", ["c"]],
					]),
				);
			});

			test("of a reservation that is refused are not kept", async () => {
				await store.reserve(owner("a"), [wish], tags);
				await store.reserve(owner("a"), [wish], { labels: [], groups: ["second"] });
				expect(await tagged()).toMatchObject([["a", tags]]);
			});
		});

		describe("exhausted", () => {
			test.each<[readonly RangeText[], readonly string[]]>([
				[[{ subnet: "10.0.0.0/30" }], ["10.0.0.2"]],
				[[{ subnet: "10.0.0.0/29" }], [2, 3, 4, 5, 6].map((host) => `10.0.0.${host}`)],
				[
					[{ subnet: "10.0.0.0/30" }, { subnet: "10.0.1.0/30" }],
					["10.0.0.2", "10.0.1.2"],
				],
			])("%j with %j taken", async (set, taken) => {
				await takeAll(taken, [[...set]]);
				const failure = await add("a", { sets: [[...set]] }).catch((thrown: unknown) => thrown);
				expect(failure).toBeInstanceOf(CniError);
				expect(failure).toMatchObject({
					code: 11,
					message: expect.stringMatching(/^failed to allocate for range 0: no IP addresses available in range set: /),
					details: expect.stringContaining(`${taken.length} of ${taken.length} addresses are taken`),
				});
				expect(await store.countTaken(parseRangeSet(set))).toBe(taken.length);
			});

			test("in the second set leaves the first as it was", async () => {
				const sets = [[{ subnet: "10.0.0.0/24" }], [{ subnet: "10.0.1.0/30" }]];
				await takeAll(["10.0.1.2"], [[{ subnet: "10.0.1.0/30" }]]);
				const before = await held();
				await expect(add("a", { sets })).rejects.toThrow(/^failed to allocate for range 1: no IP addresses available/);
				expect(await held()).toEqual(before);
			});
		});

		describe("requested addresses", () => {
			test("are given", async () => {
				expect(await add("a", { ips: ["192.168.1.5"] })).toBe("192.168.1.5/29");
			});

			test("are refused when taken, with the holder's name", async () => {
				await add("a", { ips: ["192.168.1.5"] });
				await expect(add("b", { ips: ["192.168.1.5"] })).rejects.toMatchObject({
					code: 11,
					message:
						"failed to allocate for range 0: requested IP address 192.168.1.5 is not available in range set 192.168.1.1-192.168.1.6",
					details: expect.stringContaining('"a"'),
				});
			});

			test.each([
				[{ subnet: "192.168.1.0/29", rangeEnd: "192.168.1.4" }, "192.168.1.5"],
				[{ subnet: "192.168.1.0/29", rangeStart: "192.168.1.3" }, "192.168.1.2"],
			])("are refused outside of %j", async (range, text) => {
				await expect(add("a", { sets: [[range]], ips: [text] })).rejects.toThrow(
					`failed to allocate all requested IPs: ${text}`,
				);
				expect(await held()).toEqual([]);
			});

			test("are refused when they are the gateway", async () => {
				await expect(add("a", { ips: ["192.168.1.1"] })).rejects.toThrow(
					"requested ip 192.168.1.1 is subnet's gateway",
				);
			});

			test("are used in the order of request, one for each set; the same one twice counts once", async () => {
				const sets = [[{ subnet: "10.0.0.0/24" }], [{ subnet: "10.0.1.0/24" }]];
				const ips = ["10.0.1.7", "10.0.0.9", "10.0.1.7"];
				expect(await add("a", { sets, ips })).toBe("10.0.0.9/24 10.0.1.7/24");
				await expect(add("b", { sets, ips: ["10.0.0.20", "10.0.0.21"] })).rejects.toThrow(
					"failed to allocate all requested IPs: 10.0.0.21",
				);
			});
		});

		describe("owners", () => {
			const twoSets = [[{ subnet: "10.0.0.0/24" }], [{ subnet: "2001:db8::/64" }]];

			test("are found with all they hold, an interface at a time", async () => {
				await add("a", { sets: twoSets });
				expect((await store.find(owner("a"))).map(formatAddress).sort()).toEqual(["10.0.0.2", "2001:db8::2"]);
				expect(await store.find(owner("a", "eth1"))).toEqual([]);
				expect(await store.find(owner("b"))).toEqual([]);
			});

			test.each([[[]], [["10.0.0.77"]]])(
				"get nothing a second time, and keep what they hold (requested: %j)",
				async (ips) => {
					await add("a", { sets: twoSets });
					const before = await held();
					await expect(add("a", { sets: twoSets, ips })).rejects.toThrow(
						"failed to allocate for range 0: 10.0.0.2 has been allocated to a, duplicate allocation is not allowed",
					);
					expect(await held()).toEqual(before);
				},
			);

			test("release what they hold and nothing else, any number of times", async () => {
				await add("a", { sets: twoSets });
				await add("b", { sets: twoSets });
				expect((await store.release(owner("a"))).map(formatAddress).sort()).toEqual(["10.0.0.2", "2001:db8::2"]);
				expect(await store.release(owner("a"))).toEqual([]);
				expect(await held()).toEqual(["10.0.0.3 b eth0", "2001:db8::3 b eth0"]);
			});

			test("take back only what a failed call reserved", async () => {
				await add("a", { sets: [[{ subnet: "10.0.0.0/24" }]] });
				await add("a", { sets: [[{ subnet: "10.0.5.0/24" }]] });
				await store.unreserve(owner("a"), [ip("10.0.5.2"), ip("10.0.9.9")]);
				expect(await held()).toEqual(["10.0.0.2 a eth0"]);
			});

			test("of one network mean nothing to another", async () => {
				await add("a");
				const other = under.open("other");
				expect(await other.find(owner("a"))).toEqual([]);
				expect(await other.release(owner("a"))).toEqual([]);
				expect(await other.reclaim(() => false)).toEqual([]);
				expect(await held()).toEqual(["192.168.1.2 a eth0"]);
			});

			test("that are not valid are reclaimed, with all they hold", async () => {
				for (const id of ["a", "b", "c"]) await add(id, { sets: twoSets });
				const removed = await store.reclaim(({ containerId }) => containerId === "b");
				expect(removed.map(({ address }) => formatAddress(address)).sort()).toEqual([
					"10.0.0.2",
					"10.0.0.4",
					"2001:db8::2",
					"2001:db8::4",
				]);
				expect(await held()).toEqual(["10.0.0.3 b eth0", "2001:db8::3 b eth0"]);
				expect(await store.find(owner("b"))).toHaveLength(2);
			});
		});
	});
}

export function owner(containerId: string, ifName = "eth0"): Attachment {
	return { containerId, ifName };
}

export function ip(text: string): IpAddress {
	const address = parseAddress(text);
	if (address === undefined) throw new Error(`no address: ${text}`);
	return address;
}
