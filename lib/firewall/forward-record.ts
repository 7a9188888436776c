import type { NetworkAttachment } from "../cni/attachment-tag.ts";
import { boolean, decodeDocument, list, object, required, SchemaError, string } from "../cni/schema.ts";
import { formatAddress, type IpAddress, parseAddress } from "../ip/address.ts";
import {
	type FirewallRecord,
	listRecords,
	type RecordOwner,
	readRecord,
	recordOf,
	writeRecord,
} from "../state/firewall-records.ts";
import type { Ingress } from "./forward-backend.ts";
import type { ForwardBackendName } from "./forward-choice.ts";

/** What ADD of the firewall plugin has put into the host's firewall for an attachment. */
export interface ForwardRecord {
	readonly backend: ForwardBackendName;
	/** Whether it was chosen by what the host uses, which may change. */
	readonly automatic: boolean;
	/** Of firewalld. */
	readonly zone: string;
	/** Of iptables. */
	readonly adminChain: string;
	readonly addresses: readonly IpAddress[];
	/** The host's interface that leads to the container. */
	readonly outlet: string | undefined;
	/** Undefined: open. */
	readonly ingress: RecordedIngress | undefined;
}

export interface RecordedIngress extends Ingress {
	/** Ports of the bridge that lead to the container. */
	readonly ports: readonly string[];
}

/** What is kept besides for whom: addresses as text. */
const rulesSchema = required(
	object({
		backend: string(""),
		automatic: boolean(false),
		zone: string(""),
		adminChain: string(""),
		addresses: list(string("")),
		outlet: string(),
		ingress: object({ policy: string(""), bridge: string(""), ports: list(string("")) }),
	}),
);

/** @throws CniError code 5 */
export function recordForward(owner: RecordOwner, record: ForwardRecord): void {
	writeRecord("forward", { owner, rules: textOf(record) });
}

/** The record as it is kept. */
export function textOf({ backend, automatic, zone, adminChain, addresses, outlet, ingress }: ForwardRecord): object {
	const kept = ingress && { policy: ingress.policy, bridge: ingress.bridge, ports: ingress.ports };
	return { backend, automatic, zone, adminChain, addresses: addresses.map(formatAddress), outlet, ingress: kept };
}

/** What is recorded of the attachment; undefined when nothing is, or nothing that can be read. */
export function recordedForward(attachment: NetworkAttachment): ForwardRecord | undefined {
	return parseRules(recordOf("forward", attachment)?.rules);
}

/** What a record says; undefined when it cannot be understood. */
export function forwardIn(record: FirewallRecord): ForwardRecord | undefined {
	return parseRules(record.rules);
}

export interface RecordedForward extends ForwardRecord {
	readonly attachment: NetworkAttachment;
	/** Of the record. */
	readonly name: string;
}

/** All that is recorded and can be read. */
export function recordedForwards(): readonly RecordedForward[] {
	return listRecords("forward").flatMap((name) => {
		const record = readRecord("forward", name);
		const forward = parseRules(record?.rules);
		return record === undefined || forward === undefined ? [] : [{ ...forward, attachment: record.attachment, name }];
	});
}

function parseRules(rules: unknown): ForwardRecord | undefined {
	if (rules === undefined) return undefined;
	try {
		const { backend, automatic, zone, adminChain, addresses, outlet, ingress } = decodeDocument(rulesSchema, rules);
		if (backend !== "nftables" && backend !== "iptables" && backend !== "firewalld") return undefined;
		const policy = ingress?.policy;
		return {
			backend,
			automatic,
			zone,
			adminChain,
			outlet,
			addresses: (addresses ?? []).map(parseAddress).filter((address) => address !== undefined),
			ingress:
				ingress !== undefined && (policy === "same-bridge" || policy === "isolated")
					? { policy, bridge: ingress.bridge, ports: ingress.ports ?? [] }
					: undefined,
		};
	} catch (thrown) {
		if (thrown instanceof SchemaError) return undefined;
		throw thrown;
	}
}
