import type { IpAddress, IpPrefix } from "../ip/address.ts";

/**
 * The result of ADD as this suite holds it: the content of specification 1.1.0, parsed. `encode-result.ts` writes it
 * in the version that a configuration asks for, `decode-result.ts` reads every version.
 */
export interface Result {
	readonly interfaces: readonly ResultInterface[];
	readonly ips: readonly ResultIp[];
	readonly routes: readonly ResultRoute[];
	readonly dns: Dns;
	/**
	 * From an IPAM plugin in this process, and in no text of a result: the gateways of all ranges of the network, with the
	 * lengths of their subnets. Who finds one on a bridge knows that it is not somebody else's.
	 */
	readonly networkGateways?: () => readonly IpPrefix[];
}

export interface ResultInterface {
	readonly name: string;
	readonly mac?: string;
	readonly mtu?: number;
	/** The path in CNI_NETNS for an interface of the container; absent for one of the host. */
	readonly sandbox?: string;
	readonly socketPath?: string;
	readonly pciID?: string;
}

export interface ResultIp {
	/** Index into `interfaces`. IPAM plugins leave it out. */
	readonly interface?: number;
	readonly address: IpPrefix;
	readonly gateway?: IpAddress;
}

export interface ResultRoute {
	readonly dst: IpPrefix;
	readonly gw?: IpAddress;
	readonly mtu?: number;
	readonly advmss?: number;
	readonly priority?: number;
	/** An explicit 0 is kept. */
	readonly table?: number;
	/** 0 global, 253 link, 254 host; an explicit 0 is kept. */
	readonly scope?: number;
}

export interface Dns {
	readonly nameservers?: readonly string[];
	readonly domain?: string;
	readonly search?: readonly string[];
	readonly options?: readonly string[];
}

export const emptyResult: Result = { interfaces: [], ips: [], routes: [], dns: {} };

export function isEmptyDns(dns: Dns): boolean {
	return !dns.nameservers?.length && !dns.domain && !dns.search?.length && !dns.options?.length;
}
