import { memberOf, objectMemberOf } from "../member-of.ts";
import type { PluginConfig } from "../plugin-config.ts";

/** The executables that a plugin of a network needs: its own, and that of its IPAM plugin if it names one. */
export function typesOf({ type, document }: PluginConfig): { readonly type: string; readonly ipamType: string } {
	const ipamType = memberOf(objectMemberOf(document, "ipam") ?? {}, "type");
	return { type, ipamType: typeof ipamType === "string" ? ipamType : "" };
}
