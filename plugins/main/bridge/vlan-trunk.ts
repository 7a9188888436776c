import { CniError, ErrorCode } from "../../../lib/cni/error.ts";

/** One entry of `vlanTrunk`: a single VLAN, a range, or both. */
export type TrunkEntry = { readonly [K in "id" | "minID" | "maxID"]: number | undefined } | undefined;

/** The VLAN ids that the entries name, ascending, each once. @throws CniError code 7 */
export function expandVlanTrunk(entries: readonly TrunkEntry[]): readonly number[] {
	if (entries.length === 0) return [];
	const ids = new Set<number>();
	for (const { id, minID, maxID } of entries.map(
		(entry) => entry ?? { id: undefined, minID: undefined, maxID: undefined },
	)) {
		if (minID !== undefined && maxID !== undefined) {
			requireVlanId(minID, "minID");
			requireVlanId(maxID, "maxID");
			if (maxID < minID) throw invalid("minID is greater than maxID in trunk parameter", `${minID} and ${maxID}`);
			for (let vlan = minID; vlan <= maxID; vlan++) ids.add(vlan);
		} else if (maxID !== undefined) {
			throw invalid("minID and maxID should be configured simultaneously, minID is missing");
		} else if (minID !== undefined) {
			throw invalid("minID and maxID should be configured simultaneously, maxID is missing");
		}
		if (id !== undefined) {
			requireVlanId(id, "id");
			ids.add(id);
		}
	}
	return [...ids].sort((a, b) => a - b);
}

function requireVlanId(value: number, key: string): void {
	if (value < 1 || value > 4094) {
		throw invalid(`incorrect trunk ${key} parameter`, `It is ${value}; VLAN ids go from 1 to 4094`);
	}
}

function invalid(message: string, details = ""): CniError {
	return new CniError(ErrorCode.invalidNetworkConfig, message, { details });
}
