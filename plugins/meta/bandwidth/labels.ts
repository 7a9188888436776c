import { CniError, ErrorCode } from "../../../lib/cni/error.ts";
import type { Label } from "../../../lib/ipam/tags.ts";
import { type Direction, type Limit, type Limits, limitOf } from "./limit.ts";

/** `labelKeys` of a configuration: for each value of the limits, the key of the label that has it. */
export interface LabelKeys {
	readonly ingressRate: string | undefined;
	readonly ingressBurst: string | undefined;
	readonly egressRate: string | undefined;
	readonly egressBurst: string | undefined;
}

/** A bucket where a label gives the rate alone: a tenth of a second, and no less than the largest packet that is sent. */
const defaultBurstSeconds = 0.1;
const leastDefaultBurstBits = 64 * 1024 * 8;

/**
 * The limits that a task of Mesos asks for in its labels. Tenants write them: where the network has a limit, they may
 * ask for less, never for more.
 *
 * @param limits of the network
 * @throws CniError code 7 that names the label
 */
export function labelledLimits(
	limits: Limits,
	{ keys, labels }: { keys: LabelKeys; labels: readonly Label[] },
): Limits {
	const one = (direction: Direction, { rate, burst }: { rate: string | undefined; burst: string | undefined }) =>
		labelledLimit(direction, {
			rate: numberIn(labels, rate),
			burst: numberIn(labels, burst),
			most: limits[direction],
		});
	return {
		ingress: one("ingress", { rate: keys.ingressRate, burst: keys.ingressBurst }),
		egress: one("egress", { rate: keys.egressRate, burst: keys.egressBurst }),
	};
}

/** A number, and the label that it was read from. */
interface LabelledNumber {
	readonly key: string;
	readonly value: number;
}

function labelledLimit(
	direction: Direction,
	{
		rate,
		burst,
		most,
	}: { rate: LabelledNumber | undefined; burst: LabelledNumber | undefined; most: Limit | undefined },
): Limit | undefined {
	const rateBitsPerSecond = noMoreThan(most?.rateBitsPerSecond, rate) ?? most?.rateBitsPerSecond ?? 0;
	const burstBits = noMoreThan(most?.burstBits, burst) ?? most?.burstBits ?? defaultBurst(rateBitsPerSecond);
	return limitOf(direction, { rateBitsPerSecond, burstBits });
}

/** 0 is no limit: more than any. */
function noMoreThan(most: number | undefined, asked: LabelledNumber | undefined): number | undefined {
	if (asked === undefined || most === undefined) return asked?.value;
	if (asked.value > 0 && asked.value <= most) return asked.value;
	const wanted = asked.value === 0 ? "no limit" : String(asked.value);
	throw refuse(asked.key, `it asks for ${wanted}, and the network gives ${most} at most`);
}

function defaultBurst(rateBitsPerSecond: number): number {
	if (rateBitsPerSecond === 0) return 0;
	return Math.max(Math.ceil(rateBitsPerSecond * defaultBurstSeconds), leastDefaultBurstBits);
}

function numberIn(labels: readonly Label[], key: string | undefined): LabelledNumber | undefined {
	if (key === undefined || key === "") return undefined;
	const [label, ...others] = labels.filter((candidate) => candidate.key === key);
	if (label === undefined) return undefined;
	if (others.length > 0) throw refuse(key, `the task has it ${others.length + 1} times`);
	const text = label.value ?? "";
	if (!/^\d{1,15}$/.test(text)) {
		const shown = JSON.stringify(text.length > 64 ? `${text.slice(0, 63)}…` : text);
		throw refuse(key, `${shown} is no number of bits: up to 15 decimal digits`);
	}
	return { key, value: Number(text) };
}

function refuse(key: string, cause: string): CniError {
	return new CniError(ErrorCode.invalidNetworkConfig, `Cannot use the label ${JSON.stringify(key)}: ${cause}`, {
		details: "The framework has set it in the network_infos of its task",
	});
}
