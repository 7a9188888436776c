import { CniError, ErrorCode } from "../cni/error.ts";
import { given } from "../cni/given.ts";
import { decodeDocument, SchemaError } from "../cni/schema.ts";
import { mesosSchema } from "./network-info.ts";

/**
 * NetworkInfo as the protobuf message that frameworks send and Mesos passes on, in the form of its JSON. What a plugin
 * makes of it is `network-info.ts`.
 */
export interface NetworkInfoMessage {
	readonly name?: string;
	readonly ip_addresses?: readonly IpAddressMessage[];
	readonly groups?: readonly string[];
	readonly labels?: LabelsMessage;
	readonly port_mappings?: readonly PortMappingMessage[];
}

export interface IpAddressMessage {
	/** Never absent: a framework that sets none gets the default of the message. */
	readonly protocol: "IPv4" | "IPv6";
	readonly ip_address?: string;
}

export interface LabelsMessage {
	readonly labels?: readonly { readonly key: string; readonly value?: string }[];
}

export interface PortMappingMessage {
	readonly host_port: number;
	readonly container_port: number;
	readonly protocol?: string;
}

/**
 * Reads the JSON of a NetworkInfo, and fills in what Mesos does: empty lists are left out, and an address without
 * `protocol` is an IPv4 one.
 *
 * @param path where it stands, for errors: `container.network_infos[0]`
 * @throws CniError code 7
 */
export function decodeNetworkInfo(value: unknown, path: string): NetworkInfoMessage {
	const { name, ip_addresses, groups, labels, port_mappings } = decodeText(value, path) ?? {};
	return {
		...given("name", name),
		...given(
			"ip_addresses",
			filled(ip_addresses)?.map((entry, index) => {
				const at = `${path}.ip_addresses[${index}]`;
				return { protocol: protocolOf(entry?.protocol, at), ...given("ip_address", entry?.ip_address) };
			}),
		),
		...given(
			"groups",
			filled(groups)?.map((group, index) => required(group, `${path}.groups[${index}]`)),
		),
		...given("labels", labels === undefined ? undefined : labelsOf(labels.labels, `${path}.labels`)),
		...given(
			"port_mappings",
			filled(port_mappings)?.map((mapping, index) => {
				const at = `${path}.port_mappings[${index}]`;
				return {
					host_port: required(mapping?.host_port, `${at}.host_port`),
					container_port: required(mapping?.container_port, `${at}.container_port`),
					...given("protocol", mapping?.protocol),
				};
			}),
		),
	};
}

function decodeText(value: unknown, path: string) {
	try {
		return decodeDocument(mesosSchema, { network_info: value })?.network_info;
	} catch (thrown) {
		if (!(thrown instanceof SchemaError)) throw thrown;
		const message = thrown.message.replace(`"network_info`, `"${path}`);
		throw new CniError(ErrorCode.invalidNetworkConfig, message, { cause: thrown });
	}
}

function labelsOf(
	labels: readonly ({ readonly key: string | undefined; readonly value: string | undefined } | undefined)[] | undefined,
	path: string,
): LabelsMessage {
	return given(
		"labels",
		filled(labels)?.map((label, index) => ({
			key: required(label?.key, `${path}.labels[${index}].key`),
			...given("value", label?.value),
		})),
	);
}

function protocolOf(text: string | undefined, at: string): "IPv4" | "IPv6" {
	if (text === undefined || text === "IPv4") return "IPv4";
	if (text === "IPv6") return text;
	throw invalid(`${at}.protocol`, `must be IPv4 or IPv6, not ${JSON.stringify(text.slice(0, 64))}`);
}

function required<T>(value: T | undefined, at: string): T {
	if (value === undefined) throw invalid(at, "is missing");
	return value;
}

function invalid(at: string, problem: string): CniError {
	return new CniError(ErrorCode.invalidNetworkConfig, `"${at}" ${problem}`);
}

/** Protobuf knows no difference between an empty list and none. */
function filled<T>(list: readonly T[] | undefined): readonly T[] | undefined {
	return list === undefined || list.length === 0 ? undefined : list;
}
