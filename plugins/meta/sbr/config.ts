import { commonKeys } from "../../../lib/cni/common-keys.ts";
import { CniError, ErrorCode } from "../../../lib/cni/error.ts";
import { boolean, type Infer, integer, list, object, required, string } from "../../../lib/cni/schema.ts";
import { formatAddress, type IpAddress, parseAddress } from "../../../lib/ip/address.ts";
import { defaultSourceRoutingDirectory } from "../../../lib/state/source-routing-record.ts";

/** The keys of sbr; docs/plugins/sbr.md explains each. */
export const sbrSchema = required(
	object({
		...commonKeys,
		table: integer(),
		gateways: list(string("")),
		addSourceHints: boolean(false),
		dataDir: string(),
	}),
);

export type SbrConfig = Infer<typeof sbrSchema>;

export interface SbrSettings {
	/** Of the operator's, whose routes are none of our business; undefined for a table of each address's own. */
	readonly table: number | undefined;
	/** At most one of a family. */
	readonly gateways: readonly IpAddress[];
	readonly sourceHints: boolean;
}

/** @throws CniError code 7 */
export function parseSettings({ table, gateways, addSourceHints }: SbrConfig): SbrSettings {
	return { table: parseTable(table), gateways: parseGateways(gateways ?? []), sourceHints: addSourceHints };
}

export function recordDirectory({ dataDir }: SbrConfig): string {
	return dataDir || defaultSourceRoutingDirectory;
}

const largestTable = 0xffff_ffff;

function parseTable(table: number | undefined): number | undefined {
	if (table === undefined || (table >= 1 && table <= largestTable)) return table;
	throw invalid(
		`"table" must be between 1 and ${largestTable}, not ${table}`,
		"Leave it out for a table of each address's own",
	);
}

function parseGateways(texts: readonly string[]): readonly IpAddress[] {
	if (texts.length > 2) throw invalid("gateways list cannot contain more than 2 entries (one IPv4, one IPv6)");
	const gateways = texts.map((text) => {
		const gateway = parseAddress(text);
		if (gateway === undefined) throw invalid(`invalid static gateway IP address: ${text}`);
		return gateway;
	});
	const [first, second] = gateways;
	if (first !== undefined && first.family === second?.family) {
		throw invalid(
			`gateways list contains multiple IPv${first.family} addresses: ${formatAddress(first)} and ${formatAddress(second)}`,
		);
	}
	return gateways;
}

function invalid(message: string, details = ""): CniError {
	return new CniError(ErrorCode.invalidNetworkConfig, message, { details });
}
