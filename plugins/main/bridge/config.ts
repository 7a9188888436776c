import { requestedMac } from "../../../lib/attachment/requested-mac.ts";
import { parseArgs } from "../../../lib/cni/args.ts";
import { commonKeys } from "../../../lib/cni/common-keys.ts";
import { CniError, ErrorCode, messageOf } from "../../../lib/cni/error.ts";
import type { AttachmentRequest } from "../../../lib/cni/plugin.ts";
import { boolean, type Infer, integer, list, object, required, string } from "../../../lib/cni/schema.ts";
import { validateIfName } from "../../../lib/cni/validate.ts";
import { chooseMasqueradeBackend, type MasqueradeBackendName } from "../../../lib/firewall/masquerade-choice.ts";
import type { PortVlan } from "../../../lib/netlink/bridge-vlan.ts";
import { expandVlanTrunk } from "./vlan-trunk.ts";

/** The keys of a bridge network; docs/plugins/bridge.md explains each. */
export const bridgeSchema = required(
	object({
		...commonKeys,
		bridge: string("cni0"),
		isGateway: boolean(false),
		isDefaultGateway: boolean(false),
		forceAddress: boolean(false),
		ipMasq: boolean(false),
		ipMasqBackend: string(),
		mtu: integer(0),
		hairpinMode: boolean(false),
		promiscMode: boolean(false),
		vlan: integer(0),
		vlanTrunk: list(object({ id: integer(), minID: integer(), maxID: integer() })),
		preserveDefaultVlan: boolean(false),
		macspoofchk: boolean(false),
		enabledad: boolean(false),
		disableContainerInterface: boolean(false),
		portIsolation: boolean(false),
		args: object({ cni: object({ mac: string() }) }),
		runtimeConfig: object({ mac: string() }),
	}),
);

export type BridgeConfig = Infer<typeof bridgeSchema>;

/** A bridge network as the plugin acts on it: validated, defaults and implications filled in. */
export interface BridgeSettings {
	readonly bridge: string;
	readonly isGateway: boolean;
	readonly isDefaultGateway: boolean;
	readonly forceAddress: boolean;
	readonly masquerade: MasqueradeBackendName | undefined;
	/** Bytes; undefined for the kernel's default. */
	readonly mtu: number | undefined;
	readonly hairpin: boolean;
	readonly promiscuous: boolean;
	/** The VLAN of untagged frames; 0 for none. */
	readonly vlan: number;
	/** VLANs of the container's port; undefined leaves the port as the bridge makes it. */
	readonly portVlans: readonly PortVlan[] | undefined;
	readonly vlanFiltering: boolean;
	readonly preserveDefaultVlan: boolean;
	readonly macSpoofCheck: boolean;
	readonly detectDuplicates: boolean;
	readonly containerUp: boolean;
	readonly isolated: boolean;
	readonly mac: string | undefined;
}

/** @throws CniError code 7, or 4 for CNI_ARGS */
export function parseSettings({
	config,
	args,
	ipam,
}: Pick<AttachmentRequest<BridgeConfig>, "config" | "args" | "ipam">): BridgeSettings {
	if (config.vlan < 0 || config.vlan > 4094) {
		throw invalid(`invalid VLAN ID ${config.vlan} (must be between 0 and 4094)`);
	}
	const trunk = expandVlanTrunk(config.vlanTrunk ?? []);
	if (ipam !== undefined && config.disableContainerInterface) {
		throw invalid(
			"cannot use IPAM when DisableContainerInterface flag is set",
			'Remove "ipam", or "disableContainerInterface"',
		);
	}
	if (config.hairpinMode && config.promiscMode) {
		throw invalid(
			"cannot set hairpin mode and promiscuous mode at the same time",
			'Choose one of "hairpinMode" and "promiscMode": either lets a container reach itself through the bridge',
		);
	}
	validateBridgeName(config);
	return {
		bridge: config.bridge,
		isGateway: config.isGateway || config.isDefaultGateway,
		isDefaultGateway: config.isDefaultGateway,
		forceAddress: config.forceAddress,
		masquerade: config.ipMasq && ipam !== undefined ? chooseMasqueradeBackend(config.ipMasqBackend) : undefined,
		mtu: config.mtu > 0 ? config.mtu : undefined,
		hairpin: config.hairpinMode,
		promiscuous: config.promiscMode,
		vlan: config.vlan,
		portVlans: portVlans(config.vlan, trunk),
		vlanFiltering: config.vlan !== 0 || config.vlanTrunk !== undefined,
		preserveDefaultVlan: config.preserveDefaultVlan,
		macSpoofCheck: config.macspoofchk,
		detectDuplicates: config.enabledad,
		containerUp: !config.disableContainerInterface,
		isolated: config.portIsolation,
		mac: chooseMac(config, args),
	};
}

/** The name of the interface that has the gateway's address in a VLAN. */
export function vlanGatewayName({ bridge, vlan }: Pick<BridgeSettings, "bridge" | "vlan">): string {
	return `${bridge}.${vlan}`;
}

function validateBridgeName(config: BridgeConfig): void {
	const { bridge, vlan, isGateway, isDefaultGateway } = config;
	if (bridge === "") {
		throw invalid(
			'failed to create bridge "": could not add "": LinkAttrs.Name cannot be empty',
			'Leave out "bridge" for the default, cni0',
		);
	}
	const names = vlan !== 0 && (isGateway || isDefaultGateway) ? [bridge, vlanGatewayName({ bridge, vlan })] : [bridge];
	for (const name of names) {
		try {
			validateIfName(name);
		} catch (thrown) {
			const reason = messageOf(thrown);
			throw invalid(
				`failed to create bridge "${bridge}": could not add "${name}": ${reason}`,
				"Names of interfaces have at most 15 bytes, and no /, : or white space",
			);
		}
	}
}

/** An untagged VLAN and tagged ones. A trunk alone keeps VLAN 1, the default of every bridge, for untagged frames. */
function portVlans(vlan: number, trunk: readonly number[]): readonly PortVlan[] | undefined {
	if (vlan === 0 && trunk.length === 0) return undefined;
	const native = vlan === 0 ? 1 : vlan;
	return [native, ...trunk.filter((id) => id !== native)]
		.sort((a, b) => a - b)
		.map((id) => ({ id, native: id === native }));
}

/** `runtimeConfig.mac`, else `args.cni.mac`, else MAC of CNI_ARGS. */
function chooseMac({ runtimeConfig, args }: BridgeConfig, cniArgs: string): string | undefined {
	const fromArgs = parseArgs(cniArgs, ["MAC"]).get("MAC");
	const text = runtimeConfig?.mac || args?.cni?.mac || fromArgs;
	return requestedMac(text, () => "failed to make veth pair");
}

function invalid(message: string, details = ""): CniError {
	return new CniError(ErrorCode.invalidNetworkConfig, message, { details });
}
