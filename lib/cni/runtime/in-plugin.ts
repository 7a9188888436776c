import { annotate } from "../error.ts";
import type { PluginConfig } from "../plugin-config.ts";

/** Runs a step of a chain; its error says which plugin failed at what: `plugin type="bridge" failed (add): …`. */
export function inPlugin<T>({ type, name }: PluginConfig, { verb }: { verb: string }, step: () => T): T {
	const named = name === "" ? "" : ` name=${JSON.stringify(name)}`;
	return annotate(`plugin type=${JSON.stringify(type)}${named} failed (${verb})`, step);
}
