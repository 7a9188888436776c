import { CniError, ErrorCode } from "../../../lib/cni/error.ts";
import type { AttachmentRequest, Plugin } from "../../../lib/cni/plugin.ts";
import { specVersions } from "../../../lib/cni/version.ts";
import { formatAddress, formatPrefix, sameAddress, samePrefix } from "../../../lib/ip/address.ts";
import { type StaticConfig, staticSchema } from "./config.ts";
import { describeResult } from "./describe-result.ts";

/** Gives the addresses that stand in the configuration, or that the runtime asks for. docs/plugins/static.md */
export const staticIpam: Plugin<StaticConfig> = {
	type: "static",
	versions: specVersions,
	schema: staticSchema,
	add: describeResult,
	check: verify,

	/** Nothing is kept. */
	del() {},
	gc() {},

	status(request) {
		describeResult({ ...request, args: "" });
	},
};

function verify(request: AttachmentRequest<StaticConfig>): void {
	const { prevResult, ifName } = request;
	const wanted = describeResult(request).ips;
	if (prevResult === undefined) {
		throw fault("Required prevResult missing", "CHECK takes the result of ADD as prevResult; runtimes cache it");
	}
	for (const { address, gateway } of wanted) {
		const message = `static: Failed to match addr ${formatAddress(address.address)} on interface ${ifName}`;
		const found = prevResult.ips.filter((ip) => samePrefix(ip.address, address));
		if (found.length === 0) throw fault(message, `The result of ADD lacks ${formatPrefix(address)}`);
		if (gateway !== undefined && !found.some((ip) => sameAddress(ip.gateway, gateway))) {
			throw fault(message, `Its gateway in the result of ADD is not ${formatAddress(gateway)}`);
		}
	}
}

function fault(message: string, details: string): CniError {
	return new CniError(ErrorCode.internal, message, { details });
}
