import type { NetworkAttachment } from "../../cni/attachment-tag.ts";
import { CniError, ErrorCode } from "../../cni/error.ts";

/** Network and container were validated long before; what goes into a script is looked at once more. @throws CniError */
export function assertPlain({ network, containerId }: Pick<NetworkAttachment, "network" | "containerId">): void {
	for (const text of [network, containerId]) {
		if (!/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(text)) {
			throw new CniError(ErrorCode.internal, `Cannot put ${JSON.stringify(text)} into an iptables rule`, {
				details: "Names consist of letters, digits, _, . and -",
			});
		}
	}
}
