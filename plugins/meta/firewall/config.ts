import { commonKeys } from "../../../lib/cni/common-keys.ts";
import { CniError, ErrorCode } from "../../../lib/cni/error.ts";
import type { Result, ResultInterface } from "../../../lib/cni/result.ts";
import { type Infer, object, required, string, word } from "../../../lib/cni/schema.ts";
import { validateIfName } from "../../../lib/cni/validate.ts";
import type { IngressPolicy } from "../../../lib/firewall/forward-backend.ts";
import type { ForwardBackendName } from "../../../lib/firewall/forward-choice.ts";
import type { RecordedIngress } from "../../../lib/firewall/forward-record.ts";
import type { IpAddress } from "../../../lib/ip/address.ts";

const backends = ["iptables", "nftables", "firewalld"] as const satisfies readonly ForwardBackendName[];

/** The keys of a firewall plugin; docs/plugins/firewall.md explains each. */
export const firewallSchema = required(
	object({
		...commonKeys,
		backend: word({ known: backends, others: "ignored" }),
		iptablesAdminChainName: string(""),
		firewalldZone: string(""),
		ingressPolicy: word({ known: ["open", "same-bridge", "isolated"], others: "refused" }),
	}),
);

export type FirewallConfig = Infer<typeof firewallSchema>;

/** The configuration as the plugin acts on it: validated, defaults filled in. */
export interface FirewallSettings {
	readonly backend: ForwardBackendName | "automatic";
	readonly adminChain: string;
	readonly zone: string;
	/** Undefined: open. */
	readonly policy: IngressPolicy | undefined;
	/** What was understood otherwise than it may have been meant. */
	readonly warnings: readonly string[];
}

const defaultAdminChain = "CNI-ADMIN";
const defaultZone = "trusted";

/** @throws CniError code 7 */
export function parseSettings(config: FirewallConfig): FirewallSettings {
	const backend = backendOf(config.backend);
	return {
		backend: backend ?? "automatic",
		adminChain: validAdminChain(config.iptablesAdminChainName || defaultAdminChain),
		zone: config.firewalldZone || defaultZone,
		policy: policyOf(config.ingressPolicy),
		warnings:
			backend !== undefined || config.backend === ""
				? []
				: [`"backend" is "${config.backend}", not "iptables", "nftables" or "firewalld": chosen by what the host uses`],
	};
}

/** The reference takes any other word for none, and configurations in the wild have some. */
function backendOf(text: string): ForwardBackendName | undefined {
	return backends.find((name) => name === text);
}

function policyOf(text: string): IngressPolicy | undefined {
	if (text === "" || text === "open") return undefined;
	if (text === "same-bridge" || text === "isolated") return text;
	throw invalid(
		`unknown ingress policy: "${text}"`,
		'Set "ingressPolicy" to "open", "same-bridge" or "isolated", or leave it out',
	);
}

/** Chains of the table that have a meaning already, and targets. */
const reservedChains =
	/^(INPUT|FORWARD|OUTPUT|ACCEPT|DROP|RETURN|QUEUE|REJECT|LOG|CNI-FORWARD|CNI-ISOLATION-STAGE-[12])$/;

function validAdminChain(name: string): string {
	if (/^[A-Za-z0-9_.][A-Za-z0-9_.-]{0,27}$/.test(name) && !reservedChains.test(name)) return name;
	throw invalid(
		`invalid iptablesAdminChainName "${name}"`,
		"A chain of your own: at most 28 letters, digits, _, . and -, and none that exists for another purpose",
	);
}

/**
 * The container's addresses: those of its interfaces where the result says which these are, else all of them; each once.
 */
export function containerAddresses({ interfaces, ips }: Result): readonly IpAddress[] {
	const inside = interfaces.some(({ sandbox }) => sandbox !== undefined);
	const found = new Map<string, IpAddress>();
	for (const { interface: index, address } of ips) {
		const owner = index === undefined ? undefined : interfaces[index];
		if (inside && owner !== undefined && owner.sandbox === undefined) continue;
		found.set(`${address.address.family}:${address.address.value}`, address.address);
	}
	return [...found.values()];
}

/** The host's interface that leads to the container: the first of the result that is not in the container. */
export function outletOf({ interfaces }: Result): string | undefined {
	const outlet = interfaces.find(({ sandbox, name }) => sandbox === undefined && name !== "");
	if (outlet !== undefined) validateIfName(outlet.name);
	return outlet?.name;
}

/** What the policy needs to know of the bridge, which is the first interface of a result of the plugin of that name. */
export function ingressOf(policy: IngressPolicy | undefined, { interfaces }: Result): RecordedIngress | undefined {
	if (policy === undefined) return undefined;
	const [bridge, ...others] = interfaces;
	if (bridge === undefined) {
		throw invalid(
			`interface needs to be set for ingress policy "${policy}", make sure to chain "firewall" plugin with "bridge"`,
			'Put the plugin "bridge" before "firewall" in the list',
		);
	}
	if (bridge.name === "") throw invalid("got empty bridge name", "The first interface of prevResult has no name");
	if (bridge.sandbox !== undefined) {
		throw invalid(
			`Cannot apply ingress policy "${policy}": "${bridge.name}", the first interface of prevResult, is in the container, and no bridge`,
			'Put the plugin "bridge" before "firewall" in the list',
		);
	}
	const ports = others.filter(({ sandbox, name }) => sandbox === undefined && name !== "");
	for (const { name } of [bridge, ...ports]) validateIfName(name);
	return { policy, bridge: bridge.name, ports: ports.map(({ name }: ResultInterface) => name) };
}

function invalid(message: string, details: string): CniError {
	return new CniError(ErrorCode.invalidNetworkConfig, message, { details });
}
