import { onMasterKeys } from "../../lib/attachment/on-master/keys.ts";
import { pluginOnMaster } from "../../lib/attachment/on-master/plugin-on-master.ts";
import { CniError, ErrorCode } from "../../lib/cni/error.ts";
import { type Infer, integer, object, required } from "../../lib/cni/schema.ts";
import type { Link } from "../../lib/netlink/link.ts";
import { addVlan, vlanIdOf } from "../../lib/netlink/vlan.ts";

const schema = required(object({ ...onMasterKeys, vlanId: integer(0) }));

type VlanConfig = Infer<typeof schema>;

/** Puts a container into a VLAN (802.1Q) of an interface of the host. docs/plugins/vlan.md */
export const vlan = pluginOnMaster<VlanConfig>({
	kind: "vlan",
	schema,
	settings({ config, ipam }) {
		const { master, vlanId, mtu } = config;
		if (master === "") {
			throw invalid(
				'"master" field is required. It specifies the host interface name to create the VLAN for',
				'Such as "master": "eth0"',
			);
		}
		if (vlanId < 0 || vlanId > 4094) {
			throw invalid(`invalid VLAN ID ${vlanId} (must be between 0 and 4094 inclusive)`, 'Correct "vlanId"');
		}
		if (ipam === undefined) {
			throw invalid(
				"no plugin name provided",
				'A network of this type needs addresses: "ipam": {"type": "host-local", …}',
			);
		}
		return {
			unnamedMaster: "unknown",
			create: (link) => addVlan(link, vlanId),
			verify: (link) => verify(link, { vlanId, mtu }),
		};
	},
});

function verify(link: Link, { vlanId, mtu }: Pick<VlanConfig, "vlanId" | "mtu">): void {
	const actual = vlanIdOf(link);
	if (actual !== vlanId)
		throw fault(`Interface ${link.name} is in VLAN ${actual}, and the configuration says ${vlanId}`);
	if (mtu !== 0 && link.mtu !== mtu) {
		throw fault(`Interface ${link.name} has MTU ${link.mtu}, and the configuration says ${mtu}`);
	}
}

function fault(message: string): CniError {
	return new CniError(ErrorCode.internal, message);
}

function invalid(message: string, details: string): CniError {
	return new CniError(ErrorCode.invalidNetworkConfig, message, { details });
}
