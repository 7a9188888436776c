import { objectMemberOf } from "../../cni/member-of.ts";
import type { Plugin } from "../../cni/plugin.ts";
import type { Shape } from "../../cni/schema.ts";
import { knownCapabilities } from "./common-keys.ts";
import type { Finding } from "./finding.ts";
import { memberPath } from "./json-path.ts";
import { nearestKey } from "./nearest-key.ts";

/** Capabilities that no runtime knows, or that the plugin does not look at. */
export function capabilityFindings(
	document: Readonly<Record<string, unknown>>,
	{ own, ipamPlugin, path }: { own: Plugin | undefined; ipamPlugin: Plugin | undefined; path: string },
): Finding[] {
	const enabled = Object.entries(objectMemberOf(document, "capabilities") ?? {}).filter(([, value]) => value === true);
	const read = [own, ipamPlugin].flatMap((plugin) => runtimeKeysOf(plugin?.schema.shape));
	return enabled.flatMap(([name]): Finding[] => {
		const at = memberPath(memberPath(path, "capabilities"), name);
		if (read.includes(name)) return [];
		if (!(knownCapabilities as readonly string[]).includes(name)) {
			const nearest = nearestKey(name, [...knownCapabilities, ...read]);
			const help = nearest === undefined ? "" : `. Did you mean "${nearest}"?`;
			return [{ severity: "warning", path: at, message: `no capability of the conventions${help}` }];
		}
		if (own === undefined) return [];
		return [{ severity: "warning", path: at, message: `"${own.type}" does not read this capability` }];
	});
}

function runtimeKeysOf(shape: Shape | undefined): string[] {
	const runtimeConfig = shape?.kind === "object" ? shape.fields.runtimeConfig : undefined;
	return runtimeConfig?.kind === "object" ? Object.keys(runtimeConfig.fields) : [];
}
