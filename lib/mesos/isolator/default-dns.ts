import { CniError, ErrorCode, messageOf } from "../../cni/error.ts";
import { isObject, type JsonObject } from "./network-config.ts";
import { dnsOf } from "./plugin-result.ts";
import type { DefaultDns } from "./resolver.ts";

/**
 * Reads the value of `--default_container_dns`: of its entries for Mesos's containers those of the mode CNI.
 *
 * @throws CniError code 7
 */
export function decodeDefaultDns(value: unknown): readonly DefaultDns[] {
	try {
		const { mesos = [] } = objectOf(value, "the whole");
		if (!Array.isArray(mesos)) throw new Error(`"mesos" must be a list`);
		return mesos.map((entry, index) => entryOf(objectOf(entry, `mesos[${index}]`), `mesos[${index}]`));
	} catch (thrown) {
		throw new CniError(ErrorCode.invalidNetworkConfig, `Cannot use "--default-container-dns": ${messageOf(thrown)}`, {
			details: `It takes {"mesos": [{"network_mode": "CNI", "network_name": "…", "dns": {"nameservers": ["…"]}}]}`,
		});
	}
}

function entryOf({ network_mode, network_name, dns }: JsonObject, at: string): DefaultDns {
	if (network_mode !== "CNI") throw new Error(`"${at}.network_mode" must be CNI, not ${JSON.stringify(network_mode)}`);
	if (network_name !== undefined && typeof network_name !== "string") {
		throw new Error(`"${at}.network_name" must be a string`);
	}
	return { network: network_name, dns: dnsOf(dns ?? {}, `${at}.dns`) };
}

function objectOf(value: unknown, at: string): JsonObject {
	if (isObject(value)) return value;
	throw new Error(`"${at}" must be an object`);
}
