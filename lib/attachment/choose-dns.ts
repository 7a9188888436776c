import { dnsOf, type dnsSchema } from "../cni/common-keys.ts";
import type { Dns } from "../cni/result.ts";
import type { Infer } from "../cni/schema.ts";

/** The configuration's, once it says anything (an empty list is something), else IPAM's. */
export function chooseDns({ dns }: { readonly dns: Infer<typeof dnsSchema> }, fromIpam: Dns): Dns {
	const isSet = dns !== undefined && (dns.nameservers || dns.search || dns.options || dns.domain);
	return isSet ? dnsOf(dns) : fromIpam;
}
