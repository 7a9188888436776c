import { commonKeys } from "../../../lib/cni/common-keys.ts";
import { CniError, ErrorCode, messageOf } from "../../../lib/cni/error.ts";
import { type Infer, integer, object, required, string } from "../../../lib/cni/schema.ts";
import { validateIfName } from "../../../lib/cni/validate.ts";
import { defaultVrfDirectory, vrfRecords } from "../../../lib/state/vrf-record.ts";

/** The keys of vrf; docs/plugins/vrf.md explains each. */
export const vrfSchema = required(object({ ...commonKeys, vrfname: string(""), table: integer(0), dataDir: string() }));

export type VrfConfig = Infer<typeof vrfSchema>;

export interface VrfSettings {
	readonly name: string;
	/** Undefined for one that nobody uses. */
	readonly table: number | undefined;
}

const largestTable = 0xffff_ffff;

/** @throws CniError code 7 */
export function parseSettings({ vrfname, table }: VrfConfig): VrfSettings {
	try {
		validateIfName(vrfname);
	} catch (thrown) {
		throw invalid("configuration is expected to have a valid vrf name", `"vrfname": ${messageOf(thrown)}`);
	}
	if (table < 0 || table > largestTable) throw invalid(`"table" must be between 0 and ${largestTable}, not ${table}`);
	return { name: vrfname, table: table || undefined };
}

/** The records of the network's attachments. */
export function recordsOf({ config, network }: { config: VrfConfig; network: string }) {
	return vrfRecords({ dataDir: config.dataDir || defaultVrfDirectory, network });
}

function invalid(message: string, details = ""): CniError {
	return new CniError(ErrorCode.invalidNetworkConfig, message, { details });
}
