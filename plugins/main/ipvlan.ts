import { onMasterKeys } from "../../lib/attachment/on-master/keys.ts";
import type { Master, SettingsRequest } from "../../lib/attachment/on-master/link-on-master.ts";
import { pluginOnMaster } from "../../lib/attachment/on-master/plugin-on-master.ts";
import { CniError, ErrorCode } from "../../lib/cni/error.ts";
import type { Result } from "../../lib/cni/result.ts";
import { type Infer, object, required, word } from "../../lib/cni/schema.ts";
import { addIpvlan, type IpvlanMode, ipvlanModeOf, ipvlanModes } from "../../lib/netlink/ipvlan.ts";
import type { Link } from "../../lib/netlink/link.ts";

const schema = required(object({ ...onMasterKeys, mode: word({ known: ipvlanModes, others: "refused" }) }));

type IpvlanConfig = Infer<typeof schema>;

/** Gives a container addresses of its own behind the hardware address of the host's. docs/plugins/ipvlan.md */
export const ipvlan = pluginOnMaster<IpvlanConfig>({
	kind: "ipvlan",
	schema,
	settings(request) {
		const mode = modeOf(request.config);
		return {
			unnamedMaster: unnamedMaster(request),
			given: givenAddresses(request),
			create: (link) => addIpvlan(link, mode),
			verify: (link) => verify(link, mode),
		};
	},
});

function modeOf({ mode }: IpvlanConfig): IpvlanMode {
	const known = ipvlanModes.find((name) => name === (mode || "l2"));
	if (known === undefined) throw invalid(`unknown ipvlan mode: "${mode}"`, `Known are: ${ipvlanModes.join(", ")}`);
	return known;
}

/** Behind another plugin of a list, the one interface of its result; else that of the default route. */
function unnamedMaster({ config, prevResult, adding }: SettingsRequest<IpvlanConfig>): Master {
	if (!adding || config.master !== "") return "unknown";
	if (prevResult === undefined) return "of-default-route";
	const [only, ...others] = prevResult.interfaces;
	if (only !== undefined && only.name !== "" && others.length === 0) return { name: only.name };
	throw invalid(
		"chained master failure. PrevResult lacks a single named interface",
		'Name the interface to be used in "master"',
	);
}

/** What the plugin before it in the list has found, where there is no IPAM. */
function givenAddresses({ ipam, prevResult, adding }: SettingsRequest<IpvlanConfig>): Result | undefined {
	if (!adding || ipam !== undefined) return undefined;
	if (prevResult !== undefined && prevResult.ips.length > 0) return prevResult;
	throw invalid(
		"no plugin name provided",
		'A network of this type needs addresses: "ipam": {"type": "host-local", …}, or a plugin before it that has some',
	);
}

function verify(link: Link, wanted: IpvlanMode): void {
	const mode = ipvlanModeOf(link);
	if (mode === wanted) return;
	const message = `Container IPVlan mode ${mode ?? "unknown"} does not match expected value: ${wanted}`;
	throw new CniError(ErrorCode.internal, message);
}

function invalid(message: string, details: string): CniError {
	return new CniError(ErrorCode.invalidNetworkConfig, message, { details });
}
