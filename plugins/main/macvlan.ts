import { onMasterKeys } from "../../lib/attachment/on-master/keys.ts";
import type { SettingsRequest } from "../../lib/attachment/on-master/link-on-master.ts";
import { pluginOnMaster } from "../../lib/attachment/on-master/plugin-on-master.ts";
import { requestedMac } from "../../lib/attachment/requested-mac.ts";
import { parseArgs } from "../../lib/cni/args.ts";
import { CniError, ErrorCode } from "../../lib/cni/error.ts";
import { type Infer, object, required, string, unsigned, word } from "../../lib/cni/schema.ts";
import type { Link } from "../../lib/netlink/link.ts";
import { addMacvlan, type Macvlan, type MacvlanMode, macvlanModes, macvlanOf } from "../../lib/netlink/macvlan.ts";

const schema = required(
	object({
		...onMasterKeys,
		mode: word({ known: macvlanModes, others: "refused" }),
		mac: string(""),
		bcqueuelen: unsigned(0),
		runtimeConfig: object({ mac: string() }),
	}),
);

type MacvlanConfig = Infer<typeof schema>;

/** Gives a container a hardware address of its own on an interface of the host. docs/plugins/macvlan.md */
export const macvlan = pluginOnMaster<MacvlanConfig>({
	kind: "macvlan",
	schema,
	settings(request) {
		const { config } = request;
		const wanted: Macvlan = { mode: modeOf(config), broadcastQueueLength: broadcastQueueLength(config) };
		return {
			unnamedMaster: "of-default-route",
			mac: chooseMac(request),
			create: (link) => addMacvlan(link, wanted),
			verify: (link) => verify(link, wanted),
		};
	},
});

function modeOf({ mode }: MacvlanConfig): MacvlanMode {
	const known = macvlanModes.find((name) => name === (mode || "bridge"));
	if (known === undefined) throw invalid(`unknown macvlan mode: "${mode}"`, `Known are: ${macvlanModes.join(", ")}`);
	return known;
}

function broadcastQueueLength({ bcqueuelen }: MacvlanConfig): number | undefined {
	if (bcqueuelen >= 2 ** 32) throw invalid(`invalid bcqueuelen ${bcqueuelen}`, "It is a number of packets below 2^32");
	return bcqueuelen > 0 ? bcqueuelen : undefined;
}

/** `runtimeConfig.mac`, else MAC of CNI_ARGS, else `mac`. */
function chooseMac({ config, args }: SettingsRequest<MacvlanConfig>): string | undefined {
	const text = config.runtimeConfig?.mac || parseArgs(args, ["MAC"]).get("MAC") || config.mac;
	return requestedMac(text, (refused) => `invalid args ${refused} for MAC addr`);
}

function verify(link: Link, wanted: Macvlan): void {
	const actual = macvlanOf(link);
	if (actual?.mode !== wanted.mode) {
		throw fault(`container macvlan mode ${actual?.mode ?? "source"} does not match expected value: ${wanted.mode}`);
	}
	const { broadcastQueueLength: length } = wanted;
	if (length !== undefined && actual.broadcastQueueLength !== length) {
		throw fault(`container macvlan bcqueuelen ${actual.broadcastQueueLength} does not match expected value: ${length}`);
	}
}

function fault(message: string): CniError {
	return new CniError(ErrorCode.internal, message);
}

function invalid(message: string, details: string): CniError {
	return new CniError(ErrorCode.invalidNetworkConfig, message, { details });
}
