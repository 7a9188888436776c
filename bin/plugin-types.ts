/** Prints the plugin types, a line each, for bin/build. */
import { plugins } from "../plugins/registry.ts";

console.log(plugins.types.join("\n"));
