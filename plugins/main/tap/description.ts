import { describeInterface } from "../../../lib/attachment/describe-interface.ts";
import type { InterfaceDescription } from "../../../lib/attachment/interface.ts";
import type { Result } from "../../../lib/cni/result.ts";
import type { TapSettings } from "./config.ts";

/** The container's interface with the addresses and routes of `result`. ADD applies it, CHECK verifies it. */
export function describeTap(
	name: string,
	{ settings: { mac, mtu }, result }: { settings: TapSettings; result: Result },
): InterfaceDescription {
	return describeInterface({ name, kind: "tun", mac, mtu }, result);
}
