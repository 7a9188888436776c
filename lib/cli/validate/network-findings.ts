import type { PluginRegistry } from "../../cni/call.ts";
import { toCniError } from "../../cni/error.ts";
import type { NetworkList } from "../../cni/runtime/network-list.ts";
import { validateNetworkName } from "../../cni/validate.ts";
import { isSpecVersion, resultFamilyOf, unsetVersion } from "../../cni/version.ts";
import type { Finding } from "./finding.ts";
import { typesWithin } from "./nested-plugins.ts";
import { versionFindings } from "./version-findings.ts";

/** A `.conflist`, or a `.conf` or `.json` of a single plugin. */
export type ConfigKind = "conflist" | "conf";

/** What is to be said about a network as a whole, once it could be read. */
export async function networkFindings(
	network: NetworkList,
	{ kind, plugins }: { kind: ConfigKind; plugins: PluginRegistry },
): Promise<Finding[]> {
	const findings: Finding[] = [];
	if (network.name === "" && kind === "conf") {
		const message = `missing: serves only in the folder of a .conflist. A network of its own needs "name": "mynet"`;
		findings.push({ severity: "warning", path: "name", message });
	} else if (network.name === "") {
		findings.push({ severity: "error", path: "name", message: `missing. Every network has one: "name": "mynet"` });
	} else {
		try {
			validateNetworkName(network.name);
		} catch (thrown) {
			const help = "Use letters, digits, _ . - and begin with a letter or digit";
			findings.push({ severity: "error", path: "name", message: `${toCniError(thrown).message}. ${help}` });
		}
	}
	// A plugin in the folder of a list is told the list's version.
	if (kind === "conflist" || network.name !== "") {
		findings.push(...versionFindings(network.cniVersion, { path: "cniVersion", kind }));
		findings.push(...(await addressFindings(network, plugins)));
	}
	if (kind === "conf") {
		const message =
			"configurations of a single plugin ended with version 1.0.0. Put it into the plugins of a .conflist";
		const severity = network.cniVersion.startsWith("0.") || network.cniVersion === "" ? "note" : "warning";
		findings.push({ severity, path: "", message });
	}
	if (kind === "conflist" && network.plugins.length === 0) {
		const message = `no plugins here: only those in the folder "${network.name}" beside this file are used`;
		findings.push({ severity: "note", path: "", message });
	}
	return findings;
}

/** The oldest results cannot be expressed without an address, which surprises networks that are meant to have none. */
async function addressFindings(network: NetworkList, plugins: PluginRegistry): Promise<Finding[]> {
	const { cniVersion } = network;
	const version = cniVersion === "" ? unsetVersion : cniVersion;
	if (!isSpecVersion(version) || resultFamilyOf(version) !== "legacy" || network.plugins.length === 0) return [];
	for (const { document } of network.plugins) {
		const named = await typesWithin(plugins, { path: "", document });
		if (named.some(({ type, ipamType }) => type === "loopback" || ipamType !== "")) return [];
	}
	const message = `results of ${version} need an address, and nothing here has "ipam": ADD fails with "cannot convert: no valid IP addresses"`;
	return [{ severity: "warning", path: "cniVersion", message: `${message}. Write "cniVersion": "0.4.0" or later` }];
}
