import type { DnsSettings } from "./plugin-result.ts";

/** What `--default_container_dns` says for one network, or without a name for all of CNI that have none of their own. */
export interface DefaultDns {
	readonly network: string | undefined;
	readonly dns: DnsSettings;
}

/**
 * The DNS of a container on several networks: of each what its plugin says if that has a nameserver, else its default;
 * lists one behind the other, of domains the last.
 *
 * @returns undefined when there is no nameserver: the container uses the host's resolv.conf
 */
export function mergeDns(
	networks: readonly { readonly name: string; readonly dns: DnsSettings | undefined }[],
	defaults: readonly DefaultDns[],
): DnsSettings | undefined {
	const chosen = networks.flatMap(({ name, dns }) => {
		if (dns !== undefined && dns.nameservers.length > 0) return [dns];
		const byDefault =
			defaults.find(({ network }) => network === name) ?? defaults.find(({ network }) => network === undefined);
		return byDefault === undefined ? [] : [byDefault.dns];
	});
	const merged = {
		nameservers: chosen.flatMap(({ nameservers }) => nameservers),
		domain: chosen.findLast(({ domain }) => domain)?.domain,
		search: chosen.flatMap(({ search }) => search),
		options: chosen.flatMap(({ options }) => options),
	};
	return merged.nameservers.length === 0 ? undefined : merged;
}

/** The content of resolv.conf(5), in the agent's order. */
export function formatResolvConf({ nameservers, domain, search, options }: DnsSettings): string {
	return [
		...(domain ? [`domain ${domain}`] : []),
		...(search.length === 0 ? [] : [`search ${search.join(" ")}`]),
		...(options.length === 0 ? [] : [`options ${options.join(" ")}`]),
		...nameservers.map((nameserver) => `nameserver ${nameserver}`),
	]
		.map((line) => `${line}\n`)
		.join("");
}
