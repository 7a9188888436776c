import type { Attachment } from "../../cni/plugin.ts";
import { formatAddress, type IpAddress, parseAddress } from "../../ip/address.ts";
import { parseTagged, type Tags } from "../tags.ts";

/** The value of an address's key: who holds it. */
export interface AddressRecord extends Tags, Attachment {
	readonly agent: string;
	/** When it was given, in milliseconds since the epoch by the agent's clock. */
	readonly time: number;
}

/**
 * One line of JSON: `{"address":"10.1.0.2","agent":"a1","time":1764000000000,"containerId":"c1","ifName":"eth0",
 * "labels":[…],"groups":[…]}`. The address is there for people, who read no hexadecimal digits. Put together here because
 * JSON.stringify takes twice as long for an object of seven.
 */
export function formatRecord(address: IpAddress, record: AddressRecord): string {
	const { agent, time, containerId, ifName, labels, groups } = record;
	const json = JSON.stringify;
	const owner = `"agent":${json(agent)},"time":${time},"containerId":${json(containerId)},"ifName":${json(ifName)}`;
	return `{"address":"${formatAddress(address)}",${owner},"labels":${json(labels)},"groups":${json(groups)}}`;
}

/** Undefined for a value that is none of ours. */
export function parseRecord(text: string): AddressRecord | undefined {
	const tagged = parseTagged(text);
	if (tagged === undefined) return undefined;
	const { agent, time } = JSON.parse(text) as Record<string, unknown>;
	return typeof agent === "string" && typeof time === "number" ? { ...tagged, agent, time } : undefined;
}

/**
 * The value of an owner's key: what the attachment holds, and a random text, by which a call recognizes what it has
 * written itself when the answer was lost: `{"addresses":["10.1.0.2","fd00::2"],"call":"…"}`. It needs no escapes.
 */
export function formatOwner(addresses: readonly IpAddress[], call: string): string {
	return `{"addresses":${JSON.stringify(addresses.map(formatAddress))},"call":"${call}"}`;
}

/** What the attachment holds; nothing where there is no such key, which is an empty text here. */
export function parseOwner(text: string): readonly IpAddress[] {
	if (text === "") return [];
	try {
		const value = JSON.parse(text) as { addresses?: unknown } | null;
		return Array.isArray(value?.addresses) ? parseAddresses(value.addresses) : [];
	} catch {
		return [];
	}
}

function parseAddresses(texts: readonly unknown[]): readonly IpAddress[] {
	return texts.flatMap((text) => (typeof text === "string" ? (parseAddress(text) ?? []) : []));
}
