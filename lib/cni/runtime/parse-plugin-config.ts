import { JsonError, parseJson } from "../json/parse-json.ts";
import { invalidPluginConfig, type PluginConfig, pluginConfigOf } from "../plugin-config.ts";

/** Parses the configuration of one plugin: a `.conf` file. @throws CniError as `pluginConfigOf` */
export function parsePluginConfig(text: string): PluginConfig {
	let value: unknown;
	try {
		value = parseJson(text);
	} catch (thrown) {
		if (thrown instanceof JsonError) throw invalidPluginConfig(thrown.message, thrown.place);
		throw thrown;
	}
	return pluginConfigOf(value);
}
