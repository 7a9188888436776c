import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createGateway, type Gateway } from "../../lib/etcd/gateway.ts";
import type { Post } from "../../lib/etcd/post.ts";
import { formatAddress, parseAddress } from "../../lib/ip/address.ts";
import { createEtcdStore } from "../../lib/ipam/etcd-store/etcd-store.ts";
import type { EtcdStoreOptions } from "../../lib/ipam/etcd-store/options.ts";
import { parseRangeSet, rangeOf } from "../../lib/ipam/range-set.ts";
import type { IpamStore, ReserveOutcome } from "../../lib/ipam/store.ts";
import { creatingLock } from "../unit/ipam/creating-lock.ts";
import { inconsistencies } from "./cluster-keys.ts";
import { anyEndpoint, type Etcd } from "./etcd.ts";

/** A pool that several agents of one process share. */
export interface Pool extends Disposable {
	readonly prefix: string;
	/** By a name. Each call opens a store of its own, as a plugin does. */
	agent(name: string, options?: Partial<EtcdStoreOptions>): Agent;
	/** To look at what there is. */
	gateway(): Gateway;
}

export interface Agent {
	/** Requests that the calls so far have made. */
	readonly requests: () => number;
	open(): IpamStore;
	/** The addresses, or what kept them from being given. */
	add(container: string, options?: { ips?: readonly string[]; token?: string }): Promise<string>;
	del(container: string): Promise<void>;
	/** What stands between the agent and etcd from now on. */
	through(post: (post: Post) => Post): void;
}

export const network = "net";

/** Names of containers. */
export function numbered(count: number): readonly string[] {
	return Array.from({ length: count }, (_, index) => `c${index}`);
}

/** What does not fit together in the pool's part of etcd. */
export function faults(pool: Pool): Promise<string[]> {
	return inconsistencies(pool.gateway(), { prefix: pool.prefix, network });
}
const counter = { next: 0 };

export function createPool(etcd: Etcd, ...subnets: readonly string[]): Pool {
	const directory = mkdtempSync(join(tmpdir(), `cst-${process.pid}-`));
	const prefix = `/pool-${counter.next++}`;
	const sets = subnets.map((subnet) => parseRangeSet([{ subnet }]));
	return {
		prefix,
		gateway: () => etcd.gateway(),
		agent(name, options = {}) {
			let requests = 0;
			let post: Post = etcd.post;
			const counted: Post = (endpoint, request) => {
				requests++;
				return post(endpoint, request);
			};
			const open = () =>
				createEtcdStore({
					gateway: createGateway({ endpoints: [anyEndpoint], timeoutMs: 10_000, post: counted }),
					prefix,
					network,
					agent: name,
					blockLengths: { 4: 26, 6: 122 },
					borrow: true,
					cooldownMs: 0,
					tokenLabel: "task",
					directory: join(directory, name),
					lock: creatingLock,
					tryLock: creatingLock,
					postponed: () => {},
					...options,
				});
			return {
				open,
				requests: () => requests,
				async add(containerId, { ips = [], token } = {}) {
					const requested = ips.flatMap((text) => parseAddress(text) ?? []);
					const wishes = sets.map((set, setIndex) => {
						return { set, setIndex, requested: requested.find((address) => rangeOf(set, address) !== undefined) };
					});
					const labels = token === undefined ? [] : [{ key: "task", value: token }];
					return describe(await open().reserve({ containerId, ifName: "eth0" }, wishes, { labels, groups: [] }));
				},
				async del(containerId) {
					await open().release({ containerId, ifName: "eth0" });
				},
				through(wrap) {
					post = wrap(etcd.post);
				},
			};
		},
		[Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
	};
}

function describe(outcome: ReserveOutcome): string {
	switch (outcome.kind) {
		case "reserved":
			return outcome.addresses.map(formatAddress).join(" ");
		case "taken":
			return `taken by ${outcome.holder?.containerId} on ${outcome.holder?.agent}`;
		case "exhausted":
			return `exhausted: ${outcome.taken} taken, ${outcome.resting} resting`;
		case "duplicate":
		case "outdated":
			return outcome.kind;
	}
}
