import { join } from "node:path";

/** The root of the checkout. */
export const root = join(import.meta.dirname, "../..");

/** Our executables, one a plugin type; made by `bin/build`. */
export const distribution = join(root, "dist/bin");

/** Where `bin/setup` puts the stock plugins and cnitool, and tools that a test compares with. */
export const tools = join(root, ".tools/bin");

/** What a runtime gives every plugin, however bare the rest of the environment. */
export const systemPath = "/usr/sbin:/usr/bin:/sbin:/bin";
