import { commonKeys } from "../../../lib/cni/common-keys.ts";
import type { AttachmentRequest } from "../../../lib/cni/plugin.ts";
import { type Infer, object, required, string, unsigned } from "../../../lib/cni/schema.ts";
import { mesosKey, mesosSchema, networkInfoOf } from "../../../lib/mesos/network-info.ts";
import { labelledLimits } from "./labels.ts";
import { type Limits, limitOf } from "./limit.ts";

const limitKeys = {
	ingressRate: unsigned(0),
	ingressBurst: unsigned(0),
	egressRate: unsigned(0),
	egressBurst: unsigned(0),
};

/** The keys of bandwidth; docs/plugins/bandwidth.md explains each. */
export const bandwidthSchema = required(
	object({
		...commonKeys,
		...limitKeys,
		labelKeys: object({ ingressRate: string(), ingressBurst: string(), egressRate: string(), egressBurst: string() }),
		args: object({ [mesosKey]: mesosSchema }),
		runtimeConfig: object({ bandwidth: object(limitKeys) }),
	}),
);

export type BandwidthConfig = Infer<typeof bandwidthSchema>;

type Request = Pick<AttachmentRequest<BandwidthConfig>, "config" | "document">;

/**
 * The limits of an attachment: the configuration's, as soon as it has one key of them, whatever it says; else the
 * runtime's. Then the labels of the task, where the configuration names their keys.
 *
 * @throws CniError code 7
 */
export function parseLimits({ config, document }: Request): Limits {
	const written = hasStaticLimits(document) ? config : (config.runtimeConfig?.bandwidth ?? none);
	const limits: Limits = {
		ingress: limitOf("ingress", { rateBitsPerSecond: written.ingressRate, burstBits: written.ingressBurst }),
		egress: limitOf("egress", { rateBitsPerSecond: written.egressRate, burstBits: written.egressBurst }),
	};
	if (config.labelKeys === undefined) return limits;
	const { labels } = networkInfoOf(config.args?.[mesosKey]).tags;
	return labelledLimits(limits, { keys: config.labelKeys, labels });
}

const none = { ingressRate: 0, ingressBurst: 0, egressRate: 0, egressBurst: 0 };

/** A key without a value counts too: an operator writes `null` to switch off what a runtime asks for. */
function hasStaticLimits(document: Request["document"]): boolean {
	const names = Object.keys(limitKeys).map((name) => name.toLowerCase());
	return Object.keys(document).some((key) => names.includes(key.toLowerCase()));
}
