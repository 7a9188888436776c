import { requestedMac } from "../../../lib/attachment/requested-mac.ts";
import { parseArgs } from "../../../lib/cni/args.ts";
import { commonKeys } from "../../../lib/cni/common-keys.ts";
import { CniError, ErrorCode } from "../../../lib/cni/error.ts";
import { boolean, type Infer, integer, object, record, required, string } from "../../../lib/cni/schema.ts";
import { defaultTuningDirectory } from "../../../lib/state/tuning-record.ts";
import { sysctlPath } from "./sysctl-path.ts";

const tuningKeys = {
	sysctl: record(string("")),
	mac: string(),
	promisc: boolean(),
	mtu: integer(),
	allmulti: boolean(),
	txQLen: integer(),
};

/** The keys of tuning; docs/plugins/tuning.md explains each. */
export const tuningSchema = required(
	object({
		...commonKeys,
		...tuningKeys,
		dataDir: string(),
		args: object({ cni: object(tuningKeys) }),
		runtimeConfig: object({ mac: string() }),
	}),
);

export type TuningConfig = Infer<typeof tuningSchema>;

/** What an interface and its namespace shall have: ADD sets it, CHECK verifies it. Undefined is left as it is. */
export interface TuningSettings {
	readonly sysctls: readonly Sysctl[];
	readonly mac: string | undefined;
	/** Never switched off: others may want it on. */
	readonly promiscuous: true | undefined;
	/** Bytes. */
	readonly mtu: number | undefined;
	readonly allMulticast: boolean | undefined;
	readonly txQueueLength: number | undefined;
}

export interface Sysctl {
	/** As it is written in the configuration. */
	readonly key: string;
	/** Below /proc/sys. */
	readonly path: string;
	readonly value: string;
}

/** @throws CniError code 7, or 4 for CNI_ARGS */
export function parseSettings(
	config: TuningConfig,
	{ ifName, args }: { ifName: string; args: string },
): TuningSettings {
	const fromArgs = parseArgs(args, ["MAC"]).get("MAC");
	const { sysctl, mac, promisc, mtu, allmulti, txQLen } = config.args?.cni ?? {};
	return {
		sysctls: parseSysctls([config.sysctl ?? {}, sysctl ?? {}], ifName),
		mac: requestedMac(
			mac ?? (config.runtimeConfig?.mac || fromArgs || config.mac),
			(text) => `invalid args ${text} for MAC addr`,
		),
		promiscuous: (promisc ?? config.promisc) ? true : undefined,
		mtu: inBounds("mtu", mtu ?? config.mtu) || undefined,
		allMulticast: allmulti ?? config.allmulti,
		txQueueLength: inBounds("txQLen", txQLen ?? config.txQLen),
	};
}

export function tuningDirectory({ dataDir }: TuningConfig): string {
	return dataDir || defaultTuningDirectory;
}

/** Of two sources, the later counts for a parameter that both have, however they spell it. */
function parseSysctls(sources: readonly Readonly<Record<string, string>>[], ifName: string): readonly Sysctl[] {
	const byPath = new Map<string, Sysctl>();
	for (const source of sources) {
		const paths = new Set<string>();
		for (const [key, value] of Object.entries(source)) {
			const path = sysctlPath(key, ifName);
			if (paths.has(path)) throw duplicate(`"${path.replaceAll("/", ".")}" is there in two spellings`);
			paths.add(path);
			byPath.set(path, { key, path, value });
		}
	}
	return [...byPath.values()];
}

export function duplicate(details: string): CniError {
	return invalid("duplicated sysctl keys are not allowed", details);
}

const largestI32 = 0x7fff_ffff;

function inBounds(key: string, value: number | undefined): number | undefined {
	if (value === undefined || (value >= 0 && value <= largestI32)) return value;
	throw invalid(`"${key}" must be between 0 and ${largestI32}, not ${value}`);
}

function invalid(message: string, details = ""): CniError {
	return new CniError(ErrorCode.invalidNetworkConfig, message, { details });
}
