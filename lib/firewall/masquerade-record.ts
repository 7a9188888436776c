import { decodeDocument, list, object, required, SchemaError, string } from "../cni/schema.ts";
import { formatPrefix, type IpPrefix, parsePrefix } from "../ip/address.ts";
import type { FirewallRecord } from "../state/firewall-records.ts";
import type { MasqueradeBackendName } from "./masquerade-choice.ts";

/** What a record of masquerading says. */
export interface RecordedMasquerade {
	readonly addresses: readonly IpPrefix[];
	readonly backend: MasqueradeBackendName;
}

const schema = required(object({ addresses: list(string("")), backend: string("automatic") }));

/** `rules` of lib/state/firewall-records.ts. */
export function recordMasquerade({ addresses, backend }: RecordedMasquerade): unknown {
	return { addresses: addresses.map(formatPrefix), backend };
}

/** The masquerading on record; undefined when it cannot be understood. */
export function recordedMasquerade({ rules }: FirewallRecord): RecordedMasquerade | undefined {
	try {
		const { addresses, backend } = decodeDocument(schema, rules);
		return {
			addresses: (addresses ?? []).map(parsePrefix).filter((prefix) => prefix !== undefined),
			backend: backend === "nftables" || backend === "iptables" ? backend : "automatic",
		};
	} catch (thrown) {
		if (thrown instanceof SchemaError) return undefined;
		throw thrown;
	}
}
