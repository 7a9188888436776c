import type { Gateway } from "../../etcd/gateway.ts";
import { absent, read, transact } from "../../etcd/kv.ts";
import { grantLease, isLeaseAlive, keepLease, revokeLease } from "../../etcd/lease.ts";
import { parseAgent } from "../../ipam/etcd-store/agent.ts";
import { agentKeys, formatReport, parseReport, type Report } from "./keys.ts";

/** Keeps the sign of life of one agent. */
export interface Reporter {
	/**
	 * Says that the agent is alive, for as long as `ttlSeconds`: to be called well before they are over. `began` when there
	 * was no sign of life of ours before; now and then with who else gives one under this name, if anybody does.
	 *
	 * @throws EtcdError
	 */
	report(): Promise<{ readonly began: boolean; readonly other: Report | undefined }>;
	/**
	 * Whether who gave a sign under this name when we began, and was another machine or this one before a boot, keeps his lease
	 * yet: then he lives. @throws EtcdError
	 */
	isContested(): Promise<boolean>;
}

export interface ReporterOptions {
	readonly gateway: Gateway;
	readonly prefix: string;
	readonly agent: string;
	readonly ttlSeconds: number;
	readonly host: string;
	/** Of the kernel. */
	readonly boot: string;
	/** Milliseconds since the epoch. */
	readonly now: () => number;
}

export function createReporter({ gateway, prefix, agent, ttlSeconds, host, boot, now }: ReporterOptions): Reporter {
	const keys = agentKeys(prefix);
	let lease: string | undefined;
	let signs = 0;
	/** Of the other: `undefined` for nobody. */
	let rival: { readonly lease: string | undefined } | undefined;

	/** The promise and the sign together: whoever has promised is not taken for lost before it has begun. */
	const begin = async () => {
		const granted = await grantLease(gateway, ttlSeconds);
		const value = formatReport({ since: now(), host, boot });
		const { reads } = await transact(gateway, {
			success: [
				{ read: { key: keys.alive(agent) } },
				{ put: keys.reports(agent), value },
				{ put: keys.alive(agent), value, lease: granted },
			],
		});
		lease = granted;
		const [kv] = reads[0]?.found ?? [];
		const before = parseReport(kv?.value ?? "");
		const other = before?.boot === boot ? undefined : before;
		rival = other && { lease: kv?.lease };
		return { began: true, other };
	};

	return {
		async isContested() {
			if (rival?.lease !== undefined && !(await isLeaseAlive(gateway, rival.lease))) rival = undefined;
			return rival !== undefined;
		},
		async report() {
			if (lease === undefined || !(await keepLease(gateway, lease))) return await begin();
			if (++signs % lookEvery !== 0) return { began: false, other: undefined };
			const [alive] = (await read(gateway, { key: keys.alive(agent) })).found;
			if (alive === undefined) {
				await revokeLease(gateway, lease);
				return await begin();
			}
			// Somebody else may have begun under the same name since.
			const holder = parseReport(alive.value);
			return { began: false, other: holder?.boot === boot ? undefined : holder };
		},
	};
}

/** Signs, as it is a request more. */
const lookEvery = 6;

/** Takes the promise back: the agent is not watched any more, and not lost for its silence. Whether it had promised. @throws EtcdError */
export async function withdraw(
	gateway: Gateway,
	{ prefix, agent }: { readonly prefix: string; readonly agent: string },
): Promise<boolean> {
	const keys = agentKeys(prefix);
	const look = [{ read: { key: keys.agent(agent) } }, { read: { key: keys.reports(agent) }, only: "count" as const }];
	let { reads } = await transact(gateway, { success: look });
	for (;;) {
		const [kv] = reads[0]?.found ?? [];
		const { lostSince, gone, releasedAt } = parseAgent(kv?.value ?? "");
		const isWaiting = lostSince !== undefined && gone !== true && releasedAt === undefined;
		const answer = await transact(gateway, {
			compare: [{ key: keys.agent(agent), mod: kv?.modRevision ?? absent }],
			success: [
				{ remove: { key: keys.reports(agent) } },
				{ remove: { key: keys.alive(agent) } },
				...(isWaiting ? [{ put: keys.agent(agent), value: "" }] : []),
			],
			failure: look,
		});
		if (answer.succeeded) return (reads[1]?.count ?? 0) > 0;
		({ reads } = answer);
	}
}
