import { commonKeys } from "../../../lib/cni/common-keys.ts";
import { CniError, ErrorCode } from "../../../lib/cni/error.ts";
import type { Ipam } from "../../../lib/cni/ipam.ts";
import { boolean, type Infer, integer, object, required, string } from "../../../lib/cni/schema.ts";
import { chooseMasqueradeBackend, type MasqueradeBackendName } from "../../../lib/firewall/masquerade-choice.ts";

/** The keys of a ptp network; docs/plugins/ptp.md explains each. */
export const ptpSchema = required(
	object({ ...commonKeys, ipMasq: boolean(false), ipMasqBackend: string(), mtu: integer(0) }),
);

export type PtpConfig = Infer<typeof ptpSchema>;

/** A ptp network as the plugin acts on it: validated, defaults filled in. */
export interface PtpSettings {
	readonly masquerade: MasqueradeBackendName | undefined;
	/** Bytes; undefined for the kernel's default. */
	readonly mtu: number | undefined;
	readonly ipam: Ipam;
}

/** @throws CniError code 7 */
export function parseSettings({ config, ipam }: { config: PtpConfig; ipam: Ipam | undefined }): PtpSettings {
	if (ipam === undefined) {
		throw new CniError(ErrorCode.invalidNetworkConfig, "no plugin name provided", {
			details: 'A link without addresses leads nowhere: name an IPAM plugin, such as "ipam": {"type": "host-local", …}',
		});
	}
	return {
		masquerade: config.ipMasq ? chooseMasqueradeBackend(config.ipMasqBackend) : undefined,
		mtu: config.mtu > 0 ? config.mtu : undefined,
		ipam,
	};
}
