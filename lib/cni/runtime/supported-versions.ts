import { askVersions } from "../ask-versions.ts";
import { findPlugin } from "../find-plugin.ts";
import type { Runtime } from "./runtime.ts";

/** The versions that a plugin in the runtime's directories says it serves. @throws CniError */
export function supportedVersions({ paths, environment }: Runtime, type: string): readonly string[] {
	return askVersions({ path: findPlugin(type, paths), environment });
}
