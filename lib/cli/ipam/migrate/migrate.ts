import { errorText } from "../../../cni/error.ts";
import { formatAddress } from "../../../ip/address.ts";
import { createEtcdStore } from "../../../ipam/etcd-store/etcd-store.ts";
import type { ReserveOutcome } from "../../../ipam/store.ts";
import type { ClusterNetwork } from "../networks.ts";
import type { Progress } from "../progress.ts";
import { storeOptions } from "../store-options.ts";
import type { Move } from "./plan-migration.ts";

export interface Moved {
	readonly move: Move;
	readonly outcome: "moved" | "failed" | Exclude<Move["kind"], "move">;
	readonly reason: string;
}

/** Reserves in etcd what is to be moved: each attachment's addresses together, with its tags. It can be repeated. */
export async function migrate(
	moves: readonly Move[],
	{ network, progress }: { readonly network: ClusterNetwork; readonly progress: Progress },
): Promise<readonly Moved[]> {
	const moved: Moved[] = [];
	for (const [index, move] of moves.entries()) {
		progress("moving", { done: index, all: moves.length });
		if (move.kind !== "move") moved.push({ move, outcome: move.kind, reason: move.reason });
		else moved.push({ move, ...(await reserve(move, network)) });
	}
	return moved;
}

async function reserve({ owner, wishes, tags }: Move, network: ClusterNetwork): Promise<Omit<Moved, "move">> {
	const store = createEtcdStore(storeOptions(network));
	try {
		const outcome = await store.reserve(owner, wishes, tags);
		return outcome.kind === "reserved"
			? { outcome: "moved", reason: "" }
			: { outcome: "failed", reason: reasonOf(outcome) };
	} catch (thrown) {
		return { outcome: "failed", reason: errorText(thrown) };
	}
}

function reasonOf(outcome: Exclude<ReserveOutcome, { kind: "reserved" }>): string {
	switch (outcome.kind) {
		case "duplicate":
			return `it holds ${formatAddress(outcome.address)} of the same ranges already`;
		case "taken":
			return `somebody else has taken ${formatAddress(outcome.address)} in this moment`;
		case "exhausted":
			return "no address is left";
		case "outdated":
			return "pools of the network have come or gone in this moment";
	}
}
