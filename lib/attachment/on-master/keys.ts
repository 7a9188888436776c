import { type CommonConfig, commonKeys, type dnsSchema } from "../../cni/common-keys.ts";
import { boolean, type Infer, integer, string } from "../../cni/schema.ts";

/** The keys that every plugin has whose interface is on top of a master. */
export const onMasterKeys = {
	...commonKeys,
	master: string(""),
	mtu: integer(0),
	linkInContainer: boolean(false),
};

/** What these keys are decoded to. */
export interface OnMasterConfig extends CommonConfig {
	/** Empty for none. */
	readonly master: string;
	readonly mtu: number;
	readonly linkInContainer: boolean;
	readonly dns: Infer<typeof dnsSchema>;
}
