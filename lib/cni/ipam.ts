import type { Delegate } from "./delegate.ts";
import { CniError, ErrorCode, errorText } from "./error.ts";
import type { Log } from "./log.ts";
import type { Result } from "./result.ts";

/**
 * The IPAM plugin of a network as the calling plugin sees it. Every method takes the caller's own request along: same
 * environment, same configuration, another verb.
 */
export interface Ipam {
	/** `ipam.type` of the configuration. */
	readonly type: string;
	/** @throws CniError when there is no such plugin */
	find(): Promise<void>;
	/** @throws CniError of the IPAM plugin, unchanged */
	add(): Promise<Result>;
	check(): Promise<void>;
	del(): Promise<void>;
	gc(): Promise<void>;
	status(): Promise<void>;
}

/** The delegate as an IPAM plugin: what it answers must have an address. */
export function ipamOf(delegate: Delegate, log: Log): Ipam {
	const run = async (verb: "CHECK" | "DEL" | "GC" | "STATUS"): Promise<void> => {
		await delegate.run(verb);
	};
	return {
		type: delegate.type,
		async find() {
			await delegate.isOwn();
		},
		async add() {
			const answer = await delegate.run("ADD");
			try {
				return withAddresses(answer.result());
			} catch (thrown) {
				// It has succeeded, and holds an address for this attachment; the reference leaves it that, for good.
				await giveBack(() => run("DEL"), log);
				throw thrown;
			}
		},
		check: () => run("CHECK"),
		del: () => run("DEL"),
		gc: () => run("GC"),
		status: () => run("STATUS"),
	};
}

function withAddresses(result: Result): Result {
	if (result.ips.length > 0) return result;
	throw new CniError(ErrorCode.internal, "IPAM plugin returned missing IP config", {
		details: "Give the network a range of addresses, or leave out ipam for a network without addresses",
	});
}

async function giveBack(release: () => Promise<void>, log: Log): Promise<void> {
	try {
		await release();
	} catch (thrown) {
		log.warn(`Cannot give back what the IPAM plugin holds: ${errorText(thrown)}. DEL will try again`);
	}
}
