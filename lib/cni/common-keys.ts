import type { Dns } from "./result.ts";
import { any, boolean, type Infer, list, object, record, string } from "./schema.ts";

/** `dns` of a configuration. */
export const dnsSchema = object({
	nameservers: list(string("")),
	domain: string(),
	search: list(string("")),
	options: list(string("")),
});

/** The keys that a configuration of any type may have. Every plugin's schema holds them, and may say more of each. */
export const commonKeys = {
	cniVersion: string(""),
	name: string(""),
	type: string(""),
	capabilities: record(boolean(false)),
	ipam: object({ type: string("") }),
	dns: dnsSchema,
	args: any(),
	runtimeConfig: any(),
	prevResult: any(),
	"cni.dev/valid-attachments": any(),
	"cni.dev/attachments": any(),
};

/** What the frame reads of a decoded configuration, whatever the plugin. */
export interface CommonConfig {
	readonly ipam: { readonly type: string } | undefined;
	readonly prevResult: unknown;
}

/** `dns` of a decoded configuration as a result carries it. */
export function dnsOf(dns: Infer<typeof dnsSchema>): Dns {
	return Object.fromEntries(Object.entries(dns ?? {}).filter(([, value]) => value !== undefined));
}
