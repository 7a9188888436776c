import { CniError, ErrorCode } from "../../cni/error.ts";
import { mesosKey } from "../network-info.ts";
import type { NetworkInfoMessage } from "../network-info-message.ts";
import { sortedJson } from "../sorted-json.ts";
import { isObject, type NetworkConfig } from "./network-config.ts";

/**
 * What a plugin is given on stdin: the configuration of the file with what the framework asks for in `args`.
 *
 * @throws CniError code 7 when the file has no place for it
 */
export function networkStdin({ path, document }: NetworkConfig, info: NetworkInfoMessage): string {
	const { args = {} } = document;
	if (!isObject(args)) {
		throw invalid(`Invalid 'args' found in CNI network configuration file '${path}': it is no object`);
	}
	if (Object.hasOwn(args, mesosKey)) {
		throw invalid(
			`'${mesosKey}' in 'args' should not be set in CNI network configuration file. It is reserved by Mesos`,
		);
	}
	return sortedJson({ ...document, args: { ...args, [mesosKey]: { network_info: info } } });
}

function invalid(message: string): CniError {
	return new CniError(ErrorCode.invalidNetworkConfig, message);
}
