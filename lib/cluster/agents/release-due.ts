import type { Attachment } from "../../cni/plugin.ts";
import { quoteText } from "../../cni/quote-text.ts";
import type { Gateway } from "../../etcd/gateway.ts";
import { formatAddress, formatPrefix } from "../../ip/address.ts";
import { countedAll } from "./counted.ts";
import { type ReleaseAgentOptions, type Released, releaseAgent } from "./release-agent.ts";

/** What has been released. */
export interface Counts {
	/** Of which nothing is left. */
	agents: number;
	attachments: number;
	addresses: number;
	blocks: number;
}

export interface ReleaseDueOptions extends Omit<ReleaseAgentOptions, "network" | "cooldownMs" | "released"> {
	readonly networks: readonly string[];
	/** How long addresses of a network rest once they are released. */
	readonly cooldownMsOf: (network: string) => number;
	readonly log: (text: string) => void;
	/** What is counted. */
	readonly counts: Omit<Counts, "agents">;
}

/** Releases what an agent holds of some networks; `stopped` when something has come between. @throws EtcdError */
export async function releaseDue(gateway: Gateway, options: ReleaseDueOptions): Promise<"done" | "stopped"> {
	const { seen, networks, cooldownMsOf, log, counts } = options;
	const whose = `agent ${quoteText(seen.agent)}`;
	for (const network of networks) {
		const before = { ...counts };
		const isDone = await releaseAgent(gateway, {
			...options,
			network,
			cooldownMs: cooldownMsOf(network),
			released(done) {
				for (const each of done) {
					count(counts, each);
					log(`released ${textOf(each)} of ${whose} on network ${quoteText(network)}`);
				}
			},
		});
		const done = {
			attachments: counts.attachments - before.attachments,
			addresses: counts.addresses - before.addresses,
			blocks: counts.blocks - before.blocks,
		};
		if (done.attachments !== 0 || done.blocks !== 0) {
			log(`${whose}: released ${countedAll(done)} on network ${quoteText(network)}`);
		}
		if (!isDone) return "stopped";
	}
	return "done";
}

function count(counts: Omit<Counts, "agents">, released: Released): void {
	if (released.kind === "block") {
		counts.blocks++;
		return;
	}
	counts.attachments++;
	counts.addresses += released.addresses.length;
}

function textOf(released: Released): string {
	if (released.kind === "block") {
		const { network: address, length } = released.block;
		return `block ${formatPrefix({ address, length })}`;
	}
	const addresses = released.addresses.map(formatAddress).join(" ") || "nothing";
	return `${addresses} of ${attachmentText(released.owner)}`;
}

function attachmentText({ containerId, ifName }: Attachment): string {
	return `container ${quoteText(containerId)} (interface ${quoteText(ifName)})`;
}
