import { any, boolean, list, object, record, string } from "../../cni/schema.ts";

/** Keys of a network list; specification 1.1.0, section 1, "Configuration format". */
export const listSchema = object({
	cniVersion: string(),
	cniVersions: list(string()),
	name: string(),
	plugins: list(any()),
	// A boolean, or its name as text.
	disableCheck: any(),
	disableGC: any(),
	loadOnlyInlinedPlugins: any(),
});

/**
 * Keys that any plugin may have: they belong to the runtime, to chaining, or to IPAM. What stands in `args`,
 * `runtimeConfig` and `prevResult` is the runtime's business.
 */
export const commonSchema = object({
	cniVersion: string(),
	name: string(),
	type: string(),
	capabilities: record(boolean()),
	args: any(),
	runtimeConfig: any(),
	prevResult: any(),
	labels: any(),
	ipam: object({ type: string() }),
	dns: object({ nameservers: list(string()), domain: string(), search: list(string()), options: list(string()) }),
});

/** The capabilities that runtimes know; CONVENTIONS.md of the specification, "Dynamic Plugin specific fields". */
export const knownCapabilities = [
	"portMappings",
	"ipRanges",
	"bandwidth",
	"dns",
	"ips",
	"mac",
	"infinibandGUID",
	"deviceID",
	"aliases",
	"cgroupPath",
] as const;
