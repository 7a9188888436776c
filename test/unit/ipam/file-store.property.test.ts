import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { Attachment } from "../../../lib/cni/plugin.ts";
import { formatAddress, type IpAddress, parseAddress } from "../../../lib/ip/address.ts";
import { createFileStore } from "../../../lib/ipam/file-store/file-store.ts";
import { parseRangeSet, type RangeSet, rangeOf } from "../../../lib/ipam/range-set.ts";
import { creatingLock } from "./creating-lock.ts";

/** Small enough to fill, with two ranges that alternate, a gateway in the middle, and the end of a bitmap. */
const sets: readonly RangeSet[] = [
	parseRangeSet([{ subnet: "10.0.0.0/29", gateway: "10.0.0.4" }, { subnet: "10.1.0.0/30" }]),
	parseRangeSet([{ subnet: "10.2.0.0/15", rangeStart: "10.2.255.254", rangeEnd: "10.3.0.3" }]),
	parseRangeSet([{ subnet: "2001:db8::/125" }]),
];
const candidates = sets.flat().flatMap(({ start, end }) => {
	const { family } = start;
	return Array.from({ length: Number(end.value - start.value) + 1 }, (_, step) =>
		formatAddress({ family, value: start.value + BigInt(step) }),
	);
});

type Step =
	| { kind: "reserve"; owner: number; chosen: readonly number[]; requested: number | undefined }
	| { kind: "release"; owner: number }
	| { kind: "reclaim"; valid: readonly number[] }
	| { kind: "outsider adds"; address: number; owner: number }
	| { kind: "outsider removes"; address: number }
	| { kind: "outsider crashes"; address: number }
	| { kind: "index lost" }
	| { kind: "index saved" }
	| { kind: "index of another time" };

const ownerNumber = fc.nat(9);
const addressNumber = fc.nat(candidates.length - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
	{
		weight: 12,
		arbitrary: fc.record({
			kind: fc.constant("reserve" as const),
			owner: ownerNumber,
			chosen: fc.subarray([0, 1, 2], { minLength: 1 }),
			requested: fc.option(addressNumber, { nil: undefined, freq: 3 }),
		}),
	},
	{ weight: 5, arbitrary: fc.record({ kind: fc.constant("release" as const), owner: ownerNumber }) },
	{
		weight: 1,
		arbitrary: fc.record({ kind: fc.constant("reclaim" as const), valid: fc.subarray([...Array(10).keys()]) }),
	},
	{
		weight: 3,
		arbitrary: fc.record({ kind: fc.constant("outsider adds" as const), address: addressNumber, owner: ownerNumber }),
	},
	{ weight: 2, arbitrary: fc.record({ kind: fc.constant("outsider removes" as const), address: addressNumber }) },
	{ weight: 1, arbitrary: fc.record({ kind: fc.constant("outsider crashes" as const), address: addressNumber }) },
	{
		weight: 1,
		arbitrary: fc.constantFrom<Step>(
			{ kind: "index lost" },
			{ kind: "index saved" },
			{ kind: "index of another time" },
		),
	},
);

/** Ten attachments: two interfaces of five containers. */
function ownerOf(number: number): Attachment {
	return { containerId: `container-${number >> 1}`, ifName: `eth${number & 1}` };
}

/** What the store should hold: a map, and the address that each set gave last. */
class Model {
	readonly holders = new Map<string, string>();
	readonly cursors = new Map<number, string>();

	reserve(owner: Attachment, wishes: readonly { set: RangeSet; requested: string | undefined }[]): string {
		const name = nameOf(owner);
		for (const [index, { set }] of wishes.entries()) {
			for (const [address, holder] of this.holders) {
				if (holder === name && rangeOf(set, ip(address))) return `duplicate ${index}`;
			}
		}
		const chosen: string[] = [];
		for (const [index, { set, requested }] of wishes.entries()) {
			if (requested !== undefined && this.holders.has(requested)) return `taken ${index}`;
			const address = requested ?? this.next(set, index);
			if (address === undefined) return `exhausted ${index}`;
			chosen.push(address);
		}
		for (const [index, address] of chosen.entries()) {
			this.holders.set(address, name);
			this.cursors.set(index, address);
		}
		return chosen.join(" ");
	}

	/** A step at a time from the cursor, as many as there are addresses. */
	private next(set: RangeSet, index: number): string | undefined {
		const all = set.flatMap(({ start: { family, value: first }, end, gateway }) =>
			Array.from({ length: Number(end.value - first) + 1 }, (_, at) =>
				formatAddress({ family, value: first + BigInt(at) }),
			).map((address) => ({ address, usable: address !== formatAddress(gateway) })),
		);
		const last = all.findIndex(({ address }) => address === this.cursors.get(index));
		const order = [...all.slice(last + 1), ...all.slice(0, last + 1)];
		return order.find(({ address, usable }) => usable && !this.holders.has(address))?.address;
	}
}

function nameOf({ containerId, ifName }: Attachment): string {
	return `${containerId}\r\n${ifName}`;
}

function ip(text: string): IpAddress {
	const address = parseAddress(text);
	if (address === undefined) throw new Error(`no address: ${text}`);
	return address;
}

function readDirectory(directory: string): Record<string, string> {
	const names = existsSync(directory) ? readdirSync(directory) : [];
	const reservations = names.filter((name) => parseAddress(name) !== undefined);
	const contents = reservations.map((name) => [name, readFileSync(join(directory, name), "utf8")] as const);
	return Object.fromEntries(contents.filter(([, content]) => content !== ""));
}

function play(steps: readonly Step[]): void {
	const root = mkdtempSync(join(tmpdir(), "cst-model-"));
	const directory = join(root, "data/net");
	const beside = join(root, "data/.cni-suite");
	const model = new Model();
	try {
		for (const one of steps) {
			// A new store for each step: every call is a process of its own.
			const store = createFileStore({ dataDir: join(root, "data"), network: "net", cooldownMs: 0, lock: creatingLock });
			switch (one.kind) {
				case "reserve": {
					const requested = one.requested === undefined ? undefined : candidates[one.requested];
					const wishes = one.chosen.map((index) => {
						const set = sets[index] ?? [];
						const range = requested === undefined ? undefined : rangeOf(set, ip(requested));
						const mine = range !== undefined && formatAddress(range.gateway) !== requested;
						return { set, requested: mine ? requested : undefined };
					});
					const outcome = store.reserve(
						ownerOf(one.owner),
						wishes.map((wish, setIndex) => ({
							set: wish.set,
							setIndex,
							requested: wish.requested === undefined ? undefined : ip(wish.requested),
						})),
					);
					if (outcome instanceof Promise) throw new Error("the file store is synchronous");
					if (outcome.kind === "outdated") throw new Error("the file store has no pools");
					const text =
						outcome.kind === "reserved"
							? outcome.addresses.map(formatAddress).join(" ")
							: `${outcome.kind} ${outcome.wish}`;
					expect(text).toBe(model.reserve(ownerOf(one.owner), wishes));
					break;
				}
				case "release": {
					const name = nameOf(ownerOf(one.owner));
					const held = [...model.holders].filter(([, holder]) => holder === name).map(([address]) => address);
					expect(addresses(store.find(ownerOf(one.owner)))).toEqual(held.toSorted());
					expect(addresses(store.release(ownerOf(one.owner)))).toEqual(held.toSorted());
					for (const address of held) model.holders.delete(address);
					break;
				}
				case "reclaim": {
					const valid = one.valid.map((number) => nameOf(ownerOf(number)));
					store.reclaim((owner) => valid.includes(nameOf(owner)));
					for (const [address, holder] of model.holders) if (!valid.includes(holder)) model.holders.delete(address);
					break;
				}
				case "outsider adds": {
					const address = candidates[one.address] ?? "";
					// It creates files only (O_EXCL): what one that crashed has left empty is in its way.
					if (existsSync(join(directory, address))) break;
					mkdirSync(directory, { recursive: true });
					writeFileSync(join(directory, address), nameOf(ownerOf(one.owner)));
					model.holders.set(address, nameOf(ownerOf(one.owner)));
					break;
				}
				case "outsider removes": {
					rmSync(join(directory, candidates[one.address] ?? ""), { force: true });
					model.holders.delete(candidates[one.address] ?? "");
					break;
				}
				case "outsider crashes": {
					const address = candidates[one.address] ?? "";
					if (model.holders.has(address)) break;
					mkdirSync(directory, { recursive: true });
					writeFileSync(join(directory, address), "");
					break;
				}
				case "index lost":
					rmSync(beside, { recursive: true, force: true });
					break;
				case "index saved":
					if (existsSync(beside)) cpSync(beside, join(root, "saved"), { recursive: true, preserveTimestamps: true });
					break;
				case "index of another time":
					if (!existsSync(join(root, "saved"))) break;
					rmSync(beside, { recursive: true, force: true });
					cpSync(join(root, "saved"), beside, { recursive: true, preserveTimestamps: true });
			}
			expect(readDirectory(directory)).toEqual(Object.fromEntries(model.holders));
		}
	} finally {
		rmSync(root, { recursive: true });
	}
}

function addresses(found: ReturnType<ReturnType<typeof createFileStore>["find"]>): readonly string[] {
	if (found instanceof Promise) throw new Error("the file store is synchronous");
	return found.map(formatAddress).toSorted();
}

describe("the file store beside a model", () => {
	test("any operations, with the reference at work in the same directory and the index lost or of another time", () => {
		fc.assert(fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), play), { numRuns: 150 });
	});
});
